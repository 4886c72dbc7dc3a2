#include "common/hypervisor/host/session.hpp"

#include "common/hypervisor/host/session_answer.hpp"

#include <cerrno>
#include <cstring>

namespace pvscsi::hv::host {

namespace {

Answer describe(const DomainRecord* domain) {
    if (domain == nullptr)
        return failed(ENOENT);
    Answer answer;
    answer.reply.domain = domain->id.value();
    answer.reply.count = domain->entered ? 1 : 0;
    const auto name = std::as_bytes(std::span(domain->name));
    answer.body.assign(name.begin(), name.end());
    return answer;
}

} // namespace

Session::Session(HostState& host, DomId domain)
    : host_(host), domain_(domain), memory_(host.memory(domain)) {
    if (!memory_)
        throw std::system_error(ESRCH, std::generic_category(), "no such domain");
}

Session::~Session() {
    for (const auto& [handle, peer] : peers_)
        peer.memory->copiers().give_back(peer.slot);
    for (const auto& [handle, map] : maps_)
        release(map);
    for (const std::uint32_t port : ports_)
        host_.ports().close(domain_, port);
    for (const auto& [first, count] : pages_)
        memory_->release(first, count);
}

void Session::release(const Map& map) {
    for (const std::uint32_t ref : map.refs)
        map.memory->unpin(ref, map.write);
    map.memory->reap();
}

std::optional<Answer> Session::answer(std::span<const std::byte> message) {
    Request request;
    if (message.size() < sizeof request)
        return std::nullopt;
    std::memcpy(&request, message.data(), sizeof request);
    if (memory_->dead())
        return std::nullopt;
    Answer answer = dispatch(request, message.subspan(sizeof request));
    if (answer.reply.error == ENOSYS)
        return std::nullopt;
    return answer;
}

Answer Session::dispatch(const Request& request, std::span<const std::byte> body) {
    const std::string_view text(reinterpret_cast<const char*>(body.data()), body.size());
    switch (request.op) {
    case Op::attach:
        return attach(request);
    case Op::alloc_pages:
        return alloc_pages(request);
    case Op::free_pages:
        return free_pages(request);
    case Op::map:
        return map(request, body);
    case Op::unmap:
        return unmap(request);
    case Op::open_peer:
        return open_peer(request);
    case Op::close_peer:
        return close_peer(request);
    case Op::alloc_unbound:
        return alloc_unbound(request);
    case Op::bind_interdomain:
        return bind_interdomain(request);
    case Op::close_port:
        return close_port(request);
    case Op::create_domain:
        return create_domain(request, text);
    case Op::destroy_domain:
        return destroy_domain(request);
    case Op::find_domain:
        return find_domain(text);
    case Op::next_domain:
        return next_domain(request);
    }
    return failed(ENOSYS);
}

Answer Session::attach(const Request& request) {
    if (request.number != protocol_version)
        return failed(EPROTONOSUPPORT);
    host_.enter(domain_);
    Answer answer;
    answer.reply.domain = domain_.value();
    add_fd(answer, memory_->pool_fd(), Access::read_write);
    add_fd(answer, memory_->table_fd(), Access::read_write);
    add_fd(answer, memory_->copiers_fd(), Access::read_only);
    return answer;
}

Answer Session::opened(Result<OpenedPort> port) {
    if (!port)
        return failed(port.error().value());
    ports_.insert(port->port);
    Answer answer;
    answer.reply.number = port->port;
    answer.reply.count = port->end;
    answer.fds.push_back(std::move(port->page));
    answer.fds.push_back(std::move(port->own_pipe));
    answer.fds.push_back(std::move(port->peer_pipe));
    return answer;
}

Answer Session::alloc_unbound(const Request& request) {
    const DomId remote{request.domain};
    if (!host_.memory(remote))
        return failed(ESRCH);
    return opened(host_.ports().alloc_unbound(domain_, remote));
}

Answer Session::bind_interdomain(const Request& request) {
    const DomId remote{request.domain};
    if (!host_.memory(remote))
        return failed(ESRCH);
    return opened(host_.ports().bind(domain_, remote, request.number));
}

Answer Session::close_port(const Request& request) {
    if (ports_.erase(request.number) == 0)
        return failed(EINVAL);
    host_.ports().close(domain_, request.number);
    return {};
}

Answer Session::create_domain(const Request& request, std::string_view text) {
    if (domain_ != DomId{0})
        return failed(EPERM);
    if (request.number > text.size())
        return failed(EBADMSG);
    const auto name = text.substr(0, text.size() - request.number);
    const auto id = host_.create(name, text.substr(name.size()));
    if (!id)
        return failed(id.error().value());
    Answer answer;
    answer.reply.domain = id->value();
    return answer;
}

Answer Session::destroy_domain(const Request& request) {
    if (domain_ != DomId{0})
        return failed(EPERM);
    const auto done = host_.destroy(DomId{request.domain});
    return done ? Answer{} : failed(done.error().value());
}

Answer Session::find_domain(std::string_view name) const {
    return domain_ == DomId{0} ? describe(host_.find(name)) : failed(EPERM);
}

Answer Session::next_domain(const Request& request) const {
    return domain_ == DomId{0} ? describe(host_.next(request.number)) : failed(EPERM);
}

} // namespace pvscsi::hv::host
