#include "backend/kernel_backend.hpp"

#include <filesystem>
#include <fmt/format.h>

namespace pvscsi::backend {

std::string kernel_backend_of(const std::string& devices, DomId guest, DevId device) {
    std::error_code none;
    return std::filesystem::read_symlink(
               fmt::format("{}/vscsi-{}-{}/driver", devices, guest.value(), device.value()), none)
        .filename();
}

} // namespace pvscsi::backend
