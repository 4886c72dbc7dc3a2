#include "frontend/link.hpp"

#include <string>
#include <system_error>

namespace pvscsi::frontend {

namespace {
std::unique_ptr<hv::EventChannel> allocate_channel(hv::Hypervisor& hypervisor, DomId backend) {
    auto channel = hypervisor.alloc_unbound(backend);
    if (!channel)
        throw std::system_error(
            channel.error(),
            std::string("allocating an event channel") +
                (channel.error() == std::errc::no_space_on_device
                     ? " (all of this domain's are in use: on Xen max_event_channels= in its xl "
                       "file bounds them)"
                     : ""));
    return std::move(*channel);
}
} // namespace

Link::Link(hv::Hypervisor& hypervisor, GrantedMemory& memory, DomId backend)
    : page_(memory.share(1)), channel_(allocate_channel(hypervisor, backend)),
      ring_(ring::SharedPage(page_->bytes())) {}

} // namespace pvscsi::frontend
