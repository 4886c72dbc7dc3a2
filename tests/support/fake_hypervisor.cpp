#include "tests/support/fake_hypervisor.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <set>
#include <sys/eventfd.h>
#include <unistd.h>

namespace pvscsi::test {

namespace {

bool below(const std::string& path, const std::string& top) {
    return path.starts_with(top) && (path.size() == top.size() || path[top.size()] == '/');
}

void set_readable(int fd, bool readable) {
    std::uint64_t value = 1;
    const auto done =
        readable ? ::write(fd, &value, sizeof value) : ::read(fd, &value, sizeof value);
    (void)done; // reading one that is not readable changes nothing, which is what is wanted
}

class FakeSharedPages final : public hv::SharedPages {
  public:
    FakeSharedPages(FakeHost& host, DomId owner, DomId peer, std::size_t pages, hv::Access access)
        : host_(host),
          memory_(static_cast<std::byte*>(std::aligned_alloc(hv::page_size, pages * hv::page_size)),
                  std::free),
          size_(pages * hv::page_size) {
        std::memset(memory_.get(), 0, size_);
        for (std::size_t i = 0; i < pages; ++i) {
            refs_.emplace_back(host_.next_ref++);
            host_.grants[refs_.back().value()] = {owner, peer, memory_.get() + i * hv::page_size,
                                                  access};
        }
    }
    ~FakeSharedPages() override {
        const bool lingers = end_access() == hv::GrantStatus::busy;
        for (GrantRef ref : refs_)
            host_.grants[ref.value()].granted = false;
        if (lingers) // the peer has it mapped: it stays until nobody can
            host_.lingering.push_back(std::move(memory_));
    }
    [[nodiscard]] std::span<std::byte> bytes() noexcept override { return {memory_.get(), size_}; }
    [[nodiscard]] std::span<const GrantRef> refs() const noexcept override { return refs_; }
    hv::GrantStatus end_access() noexcept override {
        auto status = hv::GrantStatus::ok;
        for (GrantRef ref : refs_) {
            auto& grant = host_.grants[ref.value()];
            if (grant.mapped > 0)
                status = hv::GrantStatus::busy;
            else
                grant.granted = false;
        }
        return status;
    }

  private:
    FakeHost& host_;
    std::shared_ptr<std::byte> memory_;
    std::size_t size_;
    std::vector<GrantRef> refs_;
};

class FakeSharer final : public hv::GrantSharer {
  public:
    FakeSharer(FakeHost& host, DomId self) : host_(host), self_(self) {}
    Expected<std::unique_ptr<hv::SharedPages>, hv::GrantStatus> share(DomId peer, std::size_t pages,
                                                                      hv::Access access) override {
        if (host_.shares_to_fail > 0) {
            --host_.shares_to_fail;
            return unexpected(hv::GrantStatus::no_space);
        }
        return std::make_unique<FakeSharedPages>(host_, self_, peer, pages, access);
    }

  private:
    FakeHost& host_;
    DomId self_;
};

class FakeMappedPages final : public hv::MappedPages {
  public:
    FakeMappedPages(FakeHost& host, std::uint32_t ref) : host_(host), ref_(ref) {
        ++host_.grants[ref_].mapped;
    }
    ~FakeMappedPages() override { --host_.grants[ref_].mapped; }
    [[nodiscard]] std::span<std::byte> bytes() noexcept override {
        return {host_.grants[ref_].page, hv::page_size};
    }

  private:
    FakeHost& host_;
    std::uint32_t ref_;
};

class FakeMapper final : public hv::GrantMapper {
  public:
    FakeMapper(FakeHost& host, DomId self, DomId peer) : host_(host), self_(self), peer_(peer) {}

    /// One page at a time is all that the tests need.
    Expected<std::unique_ptr<hv::MappedPages>, hv::GrantStatus> map(std::span<const GrantRef> refs,
                                                                    hv::Access access) override {
        if (const auto status = check(refs.front(), access); status != hv::GrantStatus::ok)
            return unexpected(status);
        return std::make_unique<FakeMappedPages>(host_, refs.front().value());
    }

    std::size_t copy(std::span<hv::GrantCopy> pieces) noexcept override {
        std::size_t failed = 0;
        for (hv::GrantCopy& piece : pieces) {
            const bool in = piece.direction == hv::GrantCopy::Direction::from_peer;
            piece.status = check(piece.ref, in ? hv::Access::read_only : hv::Access::read_write);
            if (piece.offset + piece.length > hv::page_size)
                piece.status = hv::GrantStatus::bad_range;
            if (piece.status != hv::GrantStatus::ok) {
                ++failed;
                continue;
            }
            std::byte* page = host_.grants[piece.ref.value()].page + piece.offset;
            std::memcpy(in ? piece.local : page, in ? page : piece.local, piece.length);
        }
        return failed;
    }

  private:
    [[nodiscard]] hv::GrantStatus check(GrantRef ref, hv::Access access) const {
        const auto at = host_.grants.find(ref.value());
        if (at == host_.grants.end() || !at->second.granted)
            return hv::GrantStatus::bad_ref;
        if (at->second.peer != self_ || at->second.owner != peer_)
            return hv::GrantStatus::bad_domain;
        return access == hv::Access::read_write && at->second.access == hv::Access::read_only
                   ? hv::GrantStatus::read_only
                   : hv::GrantStatus::ok;
    }
    FakeHost& host_;
    DomId self_;
    DomId peer_;
};

} // namespace

std::size_t FakeHost::granted_pages() const {
    return static_cast<std::size_t>(std::count_if(
        grants.begin(), grants.end(), [](const auto& entry) { return entry.second.granted; }));
}

void FakeHost::set(const std::string& path, const std::string& value) {
    nodes[path] = value;
    fire(path);
}

std::string FakeHost::get(const std::string& path) const {
    const auto at = nodes.find(path);
    return at == nodes.end() ? std::string("(none)") : at->second;
}

void FakeHost::remove(const std::string& path) {
    std::erase_if(nodes, [&](const auto& node) { return below(node.first, path); });
    fire(path);
}

void FakeHost::fire(const std::string& path) {
    for (FakeStore* store : std::vector<FakeStore*>(stores))
        store->fire(path);
}

std::unique_ptr<hv::Store> FakeHypervisor::open_store() {
    return std::make_unique<FakeStore>(host_);
}
std::unique_ptr<hv::GrantMapper> FakeHypervisor::open_grant_mapper(DomId peer) {
    return std::make_unique<FakeMapper>(host_, self_, peer);
}
std::unique_ptr<hv::GrantSharer> FakeHypervisor::open_grant_sharer() {
    return std::make_unique<FakeSharer>(host_, self_);
}
Result<std::unique_ptr<hv::EventChannel>> FakeHypervisor::alloc_unbound(DomId peer) {
    if (host_.channels_to_fail > 0) {
        --host_.channels_to_fail;
        return unexpected_errno(ENOSPC);
    }
    return std::make_unique<FakeChannel>(host_, self_, peer, 0);
}
Result<std::unique_ptr<hv::EventChannel>> FakeHypervisor::bind_interdomain(DomId peer,
                                                                           EvtchnPort remote) {
    const auto other = host_.ports.find({peer, remote.value()});
    if (other == host_.ports.end())
        return unexpected_errno(EINVAL);
    auto channel = std::make_unique<FakeChannel>(host_, self_, peer, remote.value());
    other->second->connect(channel->port().value());
    return channel;
}

FakeStore::FakeStore(FakeHost& host) : host_(host), fd_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
    host_.stores.push_back(this);
}
FakeStore::~FakeStore() {
    std::erase(host_.stores, this);
    ::close(fd_);
}

Result<std::string> FakeStore::read(const std::string& path, hv::StoreTxn) {
    if (host_.store_error != 0)
        return unexpected_errno(host_.store_error);
    const auto at = host_.nodes.find(path);
    if (at == host_.nodes.end())
        return unexpected_errno(ENOENT);
    return at->second;
}
Result<void> FakeStore::write(const std::string& path, const std::string& value, hv::StoreTxn) {
    if (host_.store_error != 0)
        return unexpected_errno(host_.store_error);
    host_.set(path, value);
    return {};
}
Result<void> FakeStore::mkdir(const std::string& path, hv::StoreTxn txn) {
    return write(path, "", txn);
}
Result<void> FakeStore::remove(const std::string& path, hv::StoreTxn) {
    host_.remove(path);
    return {};
}
Result<std::vector<std::string>> FakeStore::list(const std::string& path, hv::StoreTxn) {
    std::set<std::string> names;
    for (const auto& [node, value] : host_.nodes)
        if (below(node, path) && node.size() > path.size())
            names.insert(
                node.substr(path.size() + 1, node.find('/', path.size() + 1) - path.size() - 1));
    if (names.empty())
        return unexpected_errno(ENOENT);
    return std::vector<std::string>(names.begin(), names.end());
}
Result<std::vector<hv::StorePermission>> FakeStore::permissions(const std::string&, hv::StoreTxn) {
    return std::vector<hv::StorePermission>{};
}
Result<void> FakeStore::set_permissions(const std::string&, const std::vector<hv::StorePermission>&,
                                        hv::StoreTxn) {
    return {};
}
Result<hv::StoreTxn> FakeStore::begin() {
    if (host_.store_error != 0)
        return unexpected_errno(host_.store_error);
    return hv::StoreTxn{1};
}
Result<void> FakeStore::commit(hv::StoreTxn) {
    if (host_.commits_to_conflict == 0)
        return {};
    --host_.commits_to_conflict;
    return unexpected_errno(EAGAIN);
}
Result<void> FakeStore::watch(const std::string& path, const std::string& token) {
    watches_.push_back({path, token});
    deliver(watches_.back());
    return {};
}
Result<void> FakeStore::unwatch(const std::string& path, const std::string& token) {
    std::erase_if(watches_,
                  [&](const auto& watch) { return watch.path == path && watch.token == token; });
    return {};
}
std::optional<hv::WatchEvent> FakeStore::next_event() {
    if (events_.empty())
        return {};
    hv::WatchEvent event = events_.front();
    events_.erase(events_.begin());
    if (events_.empty())
        set_readable(fd_, false);
    return event;
}
void FakeStore::fire(const std::string& path) {
    for (const hv::WatchEvent& watch : std::vector<hv::WatchEvent>(watches_))
        if (below(path, watch.path) || below(watch.path, path))
            deliver({below(path, watch.path) ? path : watch.path, watch.token});
}
void FakeStore::deliver(const hv::WatchEvent& event) {
    if (hook)
        return hook(event);
    if (events_.empty())
        set_readable(fd_, true);
    events_.push_back(event);
}

FakeChannel::FakeChannel(FakeHost& host, DomId self, DomId peer, std::uint32_t remote)
    : host_(host), self_(self), peer_(peer), port_(host.next_port++), remote_(remote),
      fd_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
    host_.ports[{self_, port_}] = this;
}
FakeChannel::~FakeChannel() {
    host_.ports.erase({self_, port_});
    ::close(fd_);
}
bool FakeChannel::take() noexcept {
    if (!pending_ || masked_)
        return false;
    pending_ = false;
    masked_ = true;
    set_readable(fd_, false);
    return true;
}
void FakeChannel::unmask() noexcept {
    masked_ = false;
    if (pending_)
        set_readable(fd_, true);
}
void FakeChannel::notify() noexcept {
    const auto other = host_.ports.find({peer_, remote_});
    if (other != host_.ports.end())
        other->second->raise();
}
void FakeChannel::raise() {
    ++signals;
    if (hook)
        return hook();
    if (!pending_ && !masked_)
        set_readable(fd_, true);
    pending_ = true;
}

} // namespace pvscsi::test
