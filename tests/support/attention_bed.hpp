// Guests that share a device which has something to say to them: unit attentions, once for all.
#pragma once

#include "backend/nexus/nexus_target.hpp"
#include "tests/support/target_host.hpp"

#include <catch2/catch.hpp>

#include <deque>

namespace pvscsi::test {

inline const Bytes test_unit_ready{0, 0, 0, 0, 0, 0};
inline const Bytes read_10{0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0};
inline const Bytes inquiry{0x12, 0, 0, 0, 36, 0};

/// What all paths of a test lead to: one physical nexus.
struct Device {
    std::deque<scsi::Condition> says; ///< its own unit attentions
    std::vector<Bytes> commands;
    std::uint8_t type = 0;
    scsi::HostCode host = scsi::HostCode::ok;
    bool tells_of_reset = true;
    Bytes sense_data; ///< what REQUEST SENSE is answered with
};

/// An open file of it.
class DevicePath final : public backend::Target {
  public:
    explicit DevicePath(Device& device) : device_(device) {}

    backend::Step start(backend::Request& request) noexcept override {
        const auto cdb = request.cdb().bytes();
        device_.commands.emplace_back(cdb.begin(), cdb.end());
        request.outcome.host = device_.host;
        const bool silent = cdb[0] == 0x12 || cdb[0] == 0x03;
        if (!silent && !device_.says.empty()) {
            request.outcome.status = scsi::Status::check_condition;
            request.outcome.sense = scsi::sense_of(device_.says.front());
            device_.says.pop_front();
        } else if (cdb[0] == 0x03) {
            request.outcome.data_in = std::as_bytes(std::span(device_.sense_data));
        }
        return backend::Step::done;
    }
    backend::Step resume(backend::Request& /*request*/) noexcept override {
        return backend::Step::done;
    }
    void reset(std::function<void(bool)> done) noexcept override {
        if (device_.tells_of_reset)
            device_.says.push_back({scsi::SenseKey::unit_attention, 0x29, 0x02});
        done(true);
    }
    [[nodiscard]] std::uint8_t device_type() const noexcept override { return device_.type; }

  private:
    Device& device_;
};

/// Guests on one device.
struct AttentionBed {
    Device device;
    std::shared_ptr<backend::SharedUnit> unit = backend::SharedUnit::at("/dev/sg0");
    std::deque<TargetHost> guests;

    TargetHost& guest() {
        return guests.emplace_back(
            std::make_unique<backend::NexusTarget>(std::make_unique<DevicePath>(device), unit));
    }
};

inline bool says(TargetHost& guest, const scsi::Condition& attention) {
    return guest.none(test_unit_ready).is(attention.key, attention.asc, attention.ascq);
}

} // namespace pvscsi::test
