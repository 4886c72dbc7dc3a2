// What stands behind the public classes. Not installed.
#pragma once

#include "frontend/core.hpp"
#include "frontend/device_lock.hpp"

namespace pvscsi {

struct __attribute__((visibility("hidden"))) Session::Impl {
    frontend::DeviceLock lock; ///< let go after the device is closed
    frontend::Core core;

    /// Session::open() over a hypervisor that is open already.
    static std::unique_ptr<Session> open(std::shared_ptr<hv::Hypervisor> hypervisor,
                                         const SessionOptions& options,
                                         const frontend::Timing& timing,
                                         frontend::DeviceLock lock = {});
};

struct __attribute__((visibility("hidden"))) Buffer::Impl {
    std::shared_ptr<frontend::GrantedMemory> memory;
    std::unique_ptr<hv::SharedPages> pages;
    std::size_t size = 0; ///< as asked for

    Impl(std::shared_ptr<frontend::GrantedMemory> owner, std::size_t bytes);
    ~Impl();
    Impl(const Impl&) = delete;
    Impl& operator=(const Impl&) = delete;
};

} // namespace pvscsi
