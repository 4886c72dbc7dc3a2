// The public classes: thin fronts of Core.
#include "frontend/session.hpp"

#include <stdexcept>

namespace pvscsi {

std::string to_string(const Hctl& address) {
    return xenbus::to_string({address.host, address.channel, address.target, address.lun});
}

Hctl hctl_from_string(const std::string& text) {
    const auto address = xenbus::parse_address(text);
    if (!address)
        throw std::invalid_argument("'" + text + "' is not an address H:C:T:L");
    return {address->host, address->channel, address->target, address->lun};
}

std::unique_ptr<Session> Session::Impl::open(std::shared_ptr<hv::Hypervisor> hypervisor,
                                             const SessionOptions& options,
                                             const frontend::Timing& timing,
                                             frontend::DeviceLock lock) {
    std::unique_ptr<Impl> impl(new Impl{std::move(lock), {std::move(hypervisor), options, timing}});
    if (options.connect_later)
        impl->core.connect_later();
    else
        impl->core.await_connection(options.connect_timeout);
    return std::unique_ptr<Session>(new Session(std::move(impl)));
}

Session::Session(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Session::~Session() = default;

std::vector<Hctl> Session::luns() const {
    return impl_->core.luns();
}
std::size_t Session::max_transfer() const {
    return impl_->core.queue().max_transfer();
}
bool Session::connected() const noexcept {
    return impl_->core.connected();
}
unsigned Session::free_slots() const noexcept {
    return impl_->core.connected() ? impl_->core.queue().free_slots() : 0;
}

Buffer Session::allocate(std::size_t size) {
    return Buffer(std::make_unique<Buffer::Impl>(impl_->core.memory(), size));
}

SubmitResult Session::submit(const ScsiCommand& command, CompletionHandler done) {
    return impl_->core.submit(command, done);
}
void Session::flush() {
    impl_->core.queue().flush();
}

void Session::abort(CommandId id, std::function<void(bool)> done) {
    impl_->core.queue().abort(id, std::move(done));
}
void Session::reset(const Hctl& address, std::function<void(bool)> done) {
    impl_->core.queue().reset({address.channel, address.target, address.lun}, std::move(done));
}

std::size_t Session::poll() {
    return impl_->core.poll();
}
int Session::fd() const noexcept {
    return impl_->core.fd();
}
bool Session::prepare_to_sleep() {
    return impl_->core.prepare_to_sleep();
}
std::size_t Session::wait(std::chrono::milliseconds timeout) {
    return impl_->core.wait(timeout);
}
void Session::on_event(std::function<void(const Event&)> handler) {
    impl_->core.on_event(std::move(handler));
}

Buffer::Impl::Impl(std::shared_ptr<frontend::GrantedMemory> owner, std::size_t bytes)
    : memory(std::move(owner)), pages(memory->share((bytes + hv::page_size - 1) / hv::page_size)),
      size(bytes) {
    memory->add({pages->bytes().data(), pages->bytes().size(), pages->refs().data()});
}
Buffer::Impl::~Impl() {
    memory->forget(pages->bytes().data());
}

Buffer::Buffer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Buffer::Buffer() noexcept = default;
Buffer::Buffer(Buffer&&) noexcept = default;
Buffer& Buffer::operator=(Buffer&&) noexcept = default;
Buffer::~Buffer() = default;

std::span<std::byte> Buffer::bytes() const noexcept {
    return impl_ ? impl_->pages->bytes().first(impl_->size) : std::span<std::byte>{};
}

} // namespace pvscsi
