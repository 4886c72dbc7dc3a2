// What sysfs says of an sg node's device and of the host adapter that it is behind.
//
// Thread: any. Errors: none; what is not there is empty or 0.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace pvscsi::backend {

/// The device of the sg node `node`.
[[nodiscard]] std::filesystem::path device_folder(const std::string& node,
                                                  const std::filesystem::path& sysfs);
/// "host3", which the device is below.
[[nodiscard]] std::string host_of(const std::filesystem::path& device);
/// 0 as well if the file has no number, or one of more than 32 bits.
[[nodiscard]] std::uint64_t number_in(const std::filesystem::path& file);

} // namespace pvscsi::backend
