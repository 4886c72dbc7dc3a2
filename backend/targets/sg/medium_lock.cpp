#include "backend/targets/sg/medium_lock.hpp"

#include "common/base/log.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <mutex>
#include <thread>

namespace pvscsi::backend {

namespace {

constexpr std::uint8_t prevent_allow = 0x1e;
constexpr std::uint8_t optical = 0x05;

/// Types whose units have a medium to take out, or a door.
bool has_removable_medium(std::uint8_t type) noexcept {
    constexpr auto types = std::to_array<std::uint8_t>({0x01, 0x05, 0x07, 0x08});
    return std::find(types.begin(), types.end(), type) != types.end();
}

/// False if the medium stays locked. A unit attention, which is told instead of it being done, is
/// the last guest's.
bool let_go(SgDevice& device) {
    constexpr std::array<std::uint8_t, 6> allow{prevent_allow};
    for (int attempt = 0; attempt < 3; ++attempt) {
        const auto sense = device.ask(allow, {}, std::chrono::seconds(10));
        if (!sense)
            return false;
        if (sense->bytes().empty())
            return true;
        if (sense->key() == scsi::SenseKey::illegal_request) // it has no door
            return true;
        if (sense->key() != scsi::SenseKey::unit_attention)
            return false;
    }
    return false;
}

/// The call may take as long as the device likes.
void allow_removal(const std::shared_ptr<SgDevice>& device) noexcept {
    try {
        std::thread([device] {
            if (!let_go(*device))
                log::warning("sg node={} its medium stays locked", device->node());
        }).detach();
    } catch (const std::exception& failure) {
        log::warning("sg node={} its medium stays locked: {}", device->node(), failure.what());
    }
}

} // namespace

std::shared_ptr<MediumHolders> medium_holders_at(const std::string& node) {
    static std::mutex mutex;
    static std::map<std::string, std::weak_ptr<MediumHolders>> all;
    const std::lock_guard lock(mutex);
    auto found = all[node].lock();
    if (!found)
        all[node] = found = std::make_shared<MediumHolders>(0);
    return found;
}

MediumLock::MediumLock(std::unique_ptr<Target> inner, std::shared_ptr<SgDevice> device,
                       std::shared_ptr<MediumHolders> holders)
    : Decorator(std::move(inner)), device_(std::move(device)), holders_(std::move(holders)),
      self_(std::make_shared<MediumLock*>(this)) {}

/// The daemon ends and the guest does not: its successor finds the medium as it is.
MediumLock::~MediumLock() {
    hold(false);
}

void MediumLock::remember_in(const std::string& path, bool inherited) {
    if (inherited && has_removable_medium(device_type()))
        hold(true);
    Decorator::remember_in(path, inherited);
}

void MediumLock::hold(bool held) noexcept {
    if (held && !held_)
        ++*holders_;
    else if (!held && held_)
        --*holders_;
    held_ = held;
}

/// SPC: any of the bits; of optical drives the second says whether it outlasts the nexus.
bool MediumLock::is_prevention(const Request& request) const noexcept {
    const unsigned bits = request.cdb().padded()[4] & 0x03u;
    return device_type() == optical ? (bits & 1) != 0 : bits != 0;
}

Decorator::Verdict MediumLock::admit(Request& request) noexcept {
    if (request.cdb().opcode() != prevent_allow || is_prevention(request))
        return Verdict::pass;
    if (*holders_ <= (held_ ? 1u : 0u))
        return Verdict::pass;
    hold(false);
    return Verdict::done; // GOOD: it is not this guest that keeps it now
}

bool MediumLock::ended(Request& request) noexcept {
    if (request.cdb().opcode() == prevent_allow && request.outcome.host == scsi::HostCode::ok &&
        request.outcome.status == scsi::Status::good) {
        hold(is_prevention(request));
        known_ = held_;
    }
    return true;
}

void MediumLock::reset(std::function<void(bool success)> done) noexcept {
    Decorator::reset([weak = std::weak_ptr(self_), done = std::move(done)](bool success) {
        const auto self = weak.lock();
        if (success && self)
            (*self)->hold(false);
        done(success);
    });
}

void MediumLock::nexus_lost() noexcept {
    const bool last = held_ && *holders_ == 1;
    hold(false);
    if (last)
        allow_removal(device_);
    Decorator::nexus_lost();
}

/// Not at once: a guest locks and unlocks as often as it likes, and the store is written for it.
void MediumLock::keep_house() noexcept {
    if (const bool locked = held_ && known_; locked != reported_ && on_warning) {
        reported_ = locked;
        on_warning(locked ? "the guest has locked its medium" : "");
    }
    Decorator::keep_house();
}

} // namespace pvscsi::backend
