// The grant operations of a session: pages of its own, and those of others that it uses.
#include "common/hypervisor/host/session.hpp"

#include "common/hypervisor/host/session_answer.hpp"

#include <cerrno>
#include <cstring>

namespace pvscsi::hv::host {

namespace {
/// Pages that one client may have mapped at a time, so that a guest cannot grow the broker.
constexpr std::size_t max_mapped_refs = 1 << 18;
} // namespace

Answer Session::alloc_pages(const Request& request) {
    const auto first = memory_->alloc(request.count);
    if (!first)
        return failed(first.error().value());
    pages_.emplace(*first, request.count);
    Answer answer;
    answer.reply.number = *first;
    return answer;
}

Answer Session::free_pages(const Request& request) {
    const auto found = pages_.find(request.number);
    if (found == pages_.end())
        return failed(EINVAL);
    memory_->release(found->first, found->second);
    pages_.erase(found);
    return {};
}

Answer Session::map(const Request& request, std::span<const std::byte> body) {
    std::vector<std::uint32_t> refs(body.size() / sizeof(std::uint32_t));
    if (refs.empty() || body.size() % sizeof(std::uint32_t) != 0)
        return failed(EINVAL);
    std::memcpy(refs.data(), body.data(), body.size());
    const auto memory = host_.memory(DomId{request.domain});
    if (!memory)
        return refused(GrantStatus::bad_domain);
    if (mapped_refs_ + refs.size() > max_mapped_refs)
        return refused(GrantStatus::no_space);

    const bool write = request.write != 0;
    Answer answer;
    Map map{memory, {}, write};
    for (const std::uint32_t ref : refs) {
        const auto frame = memory->pin(ref, domain_, write);
        if (!frame) {
            release(map);
            return refused(frame.error());
        }
        map.refs.push_back(ref);
        const auto bytes = std::as_bytes(std::span(&*frame, 1));
        answer.body.insert(answer.body.end(), bytes.begin(), bytes.end());
    }
    add_fd(answer, memory->pool_fd(), write ? Access::read_write : Access::read_only);
    if (answer.reply.error != 0) {
        release(map);
        return failed(answer.reply.error);
    }
    mapped_refs_ += map.refs.size();
    answer.reply.number = ++next_handle_;
    answer.reply.count = static_cast<std::uint32_t>(map.refs.size());
    maps_.emplace(next_handle_, std::move(map));
    return answer;
}

Answer Session::unmap(const Request& request) {
    const auto found = maps_.find(request.number);
    if (found == maps_.end())
        return failed(EINVAL);
    mapped_refs_ -= found->second.refs.size();
    release(found->second);
    maps_.erase(found);
    return {};
}

// Copying needs no request a page, so it needs the whole pool; writable only for somebody to whom
// a writable page is granted.
Answer Session::open_peer(const Request& request) {
    const auto memory = host_.memory(DomId{request.domain});
    if (!memory)
        return refused(GrantStatus::bad_domain);
    const bool write = request.write != 0;
    if (const auto status = memory->check(request.number, domain_, write);
        status != GrantStatus::ok)
        return refused(status);

    Answer answer;
    add_fd(answer, memory->pool_fd(), write ? Access::read_write : Access::read_only);
    add_fd(answer, memory->table_fd(), Access::read_only);
    add_fd(answer, memory->copiers_fd(), Access::read_write);
    if (answer.reply.error != 0)
        return failed(answer.reply.error);
    const auto slot = memory->copiers().take();
    if (!slot)
        return refused(GrantStatus::no_space);
    answer.reply.number = ++next_handle_;
    answer.reply.count = *slot;
    peers_.emplace(next_handle_, Peer{memory, *slot});
    return answer;
}

Answer Session::close_peer(const Request& request) {
    const auto found = peers_.find(request.number);
    if (found == peers_.end())
        return failed(EINVAL);
    found->second.memory->copiers().give_back(found->second.slot);
    peers_.erase(found);
    return {};
}

} // namespace pvscsi::hv::host
