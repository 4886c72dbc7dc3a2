#include "backend/targets/device_claim.hpp"

#include "common/base/unique_fd.hpp"

#include <cerrno>
#include <fcntl.h>
#include <map>
#include <mutex>
#include <system_error>

namespace pvscsi::backend {

namespace {

struct Claim {
    UniqueFd fd;
    unsigned holders = 0;
};

std::mutex claims_mutex;
std::map<dev_t, Claim> claims; ///< guarded by the mutex

} // namespace

DeviceClaim::DeviceClaim(const std::string& path, dev_t device) : device_(device) {
    const std::lock_guard lock(claims_mutex);
    const auto known = claims.find(device);
    if (known != claims.end()) {
        ++known->second.holders;
        return;
    }
    UniqueFd fd(adopt_fd, ::open(path.c_str(), O_RDONLY | O_EXCL | O_CLOEXEC));
    if (!fd && errno == EBUSY)
        throw std::system_error(EBUSY, std::generic_category(),
                                path + " is mounted or in use by another program");
    if (!fd)
        throw std::system_error(errno, std::generic_category(), "cannot open " + path);
    claims.emplace(device, Claim{std::move(fd), 1});
}

DeviceClaim::~DeviceClaim() {
    const std::lock_guard lock(claims_mutex);
    const auto known = claims.find(device_);
    if (known != claims.end() && --known->second.holders == 0)
        claims.erase(known);
}

bool DeviceClaim::held(dev_t device) {
    const std::lock_guard lock(claims_mutex);
    return claims.contains(device);
}

} // namespace pvscsi::backend
