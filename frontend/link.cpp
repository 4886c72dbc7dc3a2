#include "frontend/link.hpp"

namespace pvscsi::frontend {

namespace {
std::unique_ptr<hv::EventChannel> allocate_channel(hv::Hypervisor& hypervisor, DomId backend) {
    auto channel = hypervisor.alloc_unbound(backend);
    if (!channel)
        throw std::system_error(channel.error(), "allocating an event channel");
    return std::move(*channel);
}
} // namespace

Link::Link(hv::Hypervisor& hypervisor, GrantedMemory& memory, DomId backend)
    : page_(memory.share(1)), channel_(allocate_channel(hypervisor, backend)),
      ring_(ring::SharedPage(page_->bytes())) {}

} // namespace pvscsi::frontend
