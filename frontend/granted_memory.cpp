#include "frontend/granted_memory.hpp"

#include <algorithm>
#include <new>
#include <string>
#include <system_error>

namespace pvscsi::frontend {

namespace {
bool lies_before(const Region& region, const std::byte* address) {
    return region.begin < address;
}

/// What can be done about it is known here only for Linux on Xen, whose limit is a small one.
class NoGrantLeft final : public std::bad_alloc {
  public:
    [[nodiscard]] const char* what() const noexcept override {
        return "no more memory can be granted (on Xen the parameter limit of the kernel's module "
               "xen-gntalloc, 1024 pages for the whole domain unless it was set, may be reached: "
               "/sys/module/xen_gntalloc/parameters/limit)";
    }
};
} // namespace

GrantedMemory::GrantedMemory(std::shared_ptr<hv::Hypervisor> hypervisor, DomId backend)
    : hypervisor_(std::move(hypervisor)), backend_(backend),
      sharer_(hypervisor_->open_grant_sharer()) {}

std::unique_ptr<hv::SharedPages> GrantedMemory::share(std::size_t pages) {
    auto shared = sharer_->share(backend_, pages, hv::Access::read_write);
    if (shared)
        return std::move(*shared);
    if (shared.error() == hv::GrantStatus::no_space)
        throw NoGrantLeft();
    throw std::system_error(EIO, std::generic_category(),
                            "granting memory to domain " + std::to_string(backend_.value()) + ": " +
                                std::string(hv::to_string(shared.error())));
}

void GrantedMemory::add(const Region& region) {
    const auto at = std::lower_bound(regions_.begin(), regions_.end(), region.begin, lies_before);
    regions_.insert(at, region);
}

void GrantedMemory::forget(const std::byte* begin) noexcept {
    const auto at = std::lower_bound(regions_.begin(), regions_.end(), begin, lies_before);
    if (at != regions_.end() && at->begin == begin)
        regions_.erase(at);
}

const Region* GrantedMemory::search(std::span<const std::byte> data) noexcept {
    auto at = std::upper_bound(
        regions_.begin(), regions_.end(), data.data(),
        [](const std::byte* address, const Region& region) { return address < region.begin; });
    if (at == regions_.begin() || !(--at)->holds(data))
        return nullptr;
    recent_ = static_cast<std::size_t>(at - regions_.begin());
    return &*at;
}

} // namespace pvscsi::frontend
