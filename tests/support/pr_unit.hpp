// A logical unit with persistent reservations and RESERVE as a device has them, and paths to it:
// an I_T nexus each, so that other hosts can be played. Written after SPC-5 alone, not after what
// it is to test.
#pragma once

#include "backend/target.hpp"
#include "common/base/bytes.hpp"
#include "common/scsi/condition.hpp"

#include <algorithm>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <vector>

namespace pvscsi::test {

class PrUnit {
  public:
    struct Registrant {
        unsigned nexus;
        std::uint64_t key;
    };
    struct PrCommand {
        std::uint8_t action;
        std::uint64_t key, action_key;
        std::uint8_t type;
    };

    std::uint32_t generation = 0;
    std::vector<Registrant> registrants;
    std::uint8_t type = 0; ///< 0: no reservation
    unsigned holder = 0;   ///< of types 1 to 6
    int reserved_by = -1;  ///< by RESERVE
    bool aptpl = false;
    std::map<unsigned, std::deque<scsi::Condition>> attentions;
    std::vector<PrCommand> pr_outs;      ///< that were executed well
    unsigned commands = 0;               ///< others that were executed
    std::function<void()> around_each;   ///< before and after each PERSISTENT RESERVE OUT
    bool holds_writes = false;           ///< they don't end by themselves
    std::vector<backend::Request*> held; ///< those
    bool has_pr = true;
    unsigned resets = 0;
    std::mutex mutex; ///< paths may be on several threads

    [[nodiscard]] std::uint64_t key_of(unsigned nexus) const {
        const auto place = std::ranges::find(registrants, nexus, &Registrant::nexus);
        return place == registrants.end() ? 0 : place->key;
    }
    [[nodiscard]] bool holds(unsigned nexus) const {
        return type != 0 && (type >= 7 ? key_of(nexus) != 0 : holder == nexus);
    }
    void tell(unsigned nexus, const scsi::Condition& what) { attentions[nexus].push_back(what); }
    /// To all registrants but `by`.
    void tell_others(unsigned by, const scsi::Condition& what) {
        for (const auto& one : registrants)
            if (one.nexus != by)
                tell(one.nexus, what);
    }
    void lose_power() {
        if (!aptpl) {
            registrants.clear();
            type = 0;
        }
    }

    scsi::Status out(unsigned nexus, const PrCommand& c, bool persist) {
        const std::uint64_t mine = key_of(nexus);
        const bool enrolls = c.action == 0 || c.action == 6;
        if (c.action != 6 && c.key != mine)
            return scsi::Status::reservation_conflict;
        if (!enrolls && mine == 0)
            return scsi::Status::reservation_conflict;
        const auto status = execute(nexus, c, persist);
        if (status == scsi::Status::good)
            pr_outs.push_back(c);
        return status;
    }

  private:
    void remove(unsigned nexus) {
        const bool had_it = holds(nexus);
        std::erase_if(registrants, [&](const auto& one) { return one.nexus == nexus; });
        if (had_it && (type < 7 || registrants.empty())) {
            if (type >= 5)
                tell_others(nexus, scsi::condition::reservations_released);
            type = 0;
        }
    }

    scsi::Status execute(unsigned nexus, const PrCommand& c, bool persist) {
        switch (c.action) {
        case 0:
        case 6:
            aptpl = persist;
            ++generation;
            if (c.action_key == 0)
                remove(nexus);
            else if (key_of(nexus) == 0)
                registrants.push_back({nexus, c.action_key});
            else
                std::ranges::find(registrants, nexus, &Registrant::nexus)->key = c.action_key;
            return scsi::Status::good;
        case 1:
            if (type != 0)
                return holds(nexus) && type == c.type ? scsi::Status::good
                                                      : scsi::Status::reservation_conflict;
            type = c.type, holder = nexus;
            return scsi::Status::good;
        case 2:
            if (!holds(nexus))
                return scsi::Status::good;
            if (type != c.type)
                return scsi::Status::check_condition;
            if (type >= 5)
                tell_others(nexus, scsi::condition::reservations_released);
            type = 0;
            return scsi::Status::good;
        case 3:
            ++generation;
            tell_others(nexus, scsi::condition::reservations_preempted);
            registrants.clear();
            type = 0;
            return scsi::Status::good;
        case 4:
        case 5:
            return preempt(nexus, c);
        default:
            return scsi::Status::check_condition;
        }
    }

    scsi::Status preempt(unsigned nexus, const PrCommand& c) {
        const bool all = type >= 7;
        if (c.action_key == 0 && !all)
            return scsi::Status::check_condition;
        const bool seizes = all ? c.action_key == 0 : type != 0 && key_of(holder) == c.action_key;
        std::vector<unsigned> victims;
        bool found = false;
        for (const auto& one : registrants) {
            const bool hit = c.action_key == 0 || one.key == c.action_key;
            found |= hit;
            if (hit && one.nexus != nexus)
                victims.push_back(one.nexus);
        }
        if (!found)
            return scsi::Status::reservation_conflict;
        ++generation;
        for (const unsigned victim : victims) {
            std::erase_if(registrants, [&](const auto& one) { return one.nexus == victim; });
            tell(victim, scsi::condition::registrations_preempted);
        }
        if (seizes)
            type = c.type, holder = nexus;
        return scsi::Status::good;
    }
};

/// One initiator's path; several open files of it are one nexus.
class PrPath final : public backend::Target {
  public:
    PrPath(PrUnit& unit, unsigned nexus) : unit_(unit), nexus_(nexus) {}

    backend::Step start(backend::Request& request) noexcept override {
        if (request.direction() == ring::Direction::to_device && request.length() > 0) {
            request.want_data(request.buffer(request.length()));
            return backend::Step::need_data;
        }
        return run(request);
    }
    backend::Step resume(backend::Request& request) noexcept override { return run(request); }
    void reset(std::function<void(bool)> done) noexcept override {
        ++unit_.resets;
        unit_.reserved_by = -1;
        for (backend::Request* const request : std::exchange(unit_.held, {})) {
            request->outcome.host = scsi::HostCode::reset;
            request->finish();
        }
        done(true);
    }
    [[nodiscard]] std::uint8_t device_type() const noexcept override { return 0; }

  private:
    backend::Step run(backend::Request& request) {
        const std::lock_guard lock(unit_.mutex);
        const auto& cdb = request.cdb().padded();
        auto& outcome = request.outcome;
        auto& attentions = unit_.attentions[nexus_];
        if (cdb[0] != 0x12 && cdb[0] != 0x03 && !attentions.empty()) {
            outcome.status = scsi::Status::check_condition;
            outcome.sense = scsi::sense_of(attentions.front());
            attentions.pop_front();
            return backend::Step::done;
        }
        if (cdb[0] == 0x5e || cdb[0] == 0x5f)
            return persistent(request);
        const bool free = cdb[0] == 0x12 || cdb[0] == 0x03 || cdb[0] == 0x17;
        if (!free &&
            (conflicts(cdb[0]) || (unit_.reserved_by >= 0 && unit_.reserved_by != int(nexus_)))) {
            outcome.status = scsi::Status::reservation_conflict;
            return backend::Step::done;
        }
        if (cdb[0] == 0x16)
            unit_.reserved_by = int(nexus_);
        if (cdb[0] == 0x17 && unit_.reserved_by == int(nexus_))
            unit_.reserved_by = -1;
        ++unit_.commands;
        outcome.consumed = request.length();
        if (cdb[0] == 0x2a && unit_.holds_writes) {
            unit_.held.push_back(&request);
            return backend::Step::pending;
        }
        return backend::Step::done;
    }

    [[nodiscard]] bool conflicts(std::uint8_t opcode) const {
        if (unit_.type == 0 || unit_.holds(nexus_) ||
            (unit_.type >= 5 && unit_.key_of(nexus_) != 0))
            return false;
        const bool writes = opcode == 0x2a || opcode == 0x15 || opcode == 0x16;
        const bool reads = opcode == 0x28 || opcode == 0x1a;
        const bool exclusive = unit_.type == 3 || unit_.type == 6 || unit_.type == 8;
        return writes || (reads && exclusive);
    }

    backend::Step persistent(backend::Request& request) {
        const auto& cdb = request.cdb().padded();
        auto& outcome = request.outcome;
        if (!unit_.has_pr) {
            outcome.status = scsi::Status::check_condition;
            outcome.sense = scsi::sense_of(scsi::condition::invalid_opcode);
            return backend::Step::done;
        }
        if (cdb[0] == 0x5e)
            return report(request);
        if (unit_.around_each)
            unit_.around_each();
        const auto list = as_u8(request.data());
        outcome.status = unit_.out(nexus_,
                                   {static_cast<std::uint8_t>(cdb[1] & 0x1f), load_be64(list, 0),
                                    load_be64(list, 8), static_cast<std::uint8_t>(cdb[2] & 0x0f)},
                                   (list[20] & 1) != 0);
        if (outcome.status == scsi::Status::check_condition)
            outcome.sense = scsi::sense_of(scsi::condition::invalid_parameter);
        outcome.consumed = 24;
        if (unit_.around_each)
            unit_.around_each();
        return backend::Step::done;
    }

    backend::Step report(backend::Request& request) {
        std::vector<std::uint8_t> data(8);
        const auto add = [&](std::uint64_t value, unsigned size) {
            for (unsigned i = size; i-- > 0;)
                data.push_back(static_cast<std::uint8_t>(i < 8 ? value >> (8 * i) : 0));
        };
        store_be32(data, 0, unit_.generation);
        switch (request.cdb().padded()[1] & 0x1f) {
        case 0:
            for (const auto& one : unit_.registrants)
                add(one.key, 8);
            break;
        case 1:
            if (unit_.type == 0)
                break;
            add(unit_.type >= 7 ? 0 : unit_.key_of(unit_.holder), 8);
            add(0, 5);
            add(unit_.type, 1);
            add(0, 2);
            break;
        case 2:
            data = {0, 8, 0xff, 0xff, 0xff, 0xff, 0, 0};
            break;
        default:
            for (const auto& one : unit_.registrants) {
                add(one.key, 8);
                add(0, 4);
                add(unit_.holds(one.nexus) ? 1 : 0, 1);
                add(unit_.holds(one.nexus) ? unit_.type : 0, 1);
                add(0, 4);
                add(one.nexus, 2); // the relative target port: who it is, to the test
                add(24, 4);
                add(0, 24);
            }
        }
        if ((request.cdb().padded()[1] & 0x1f) != 2)
            store_be32(data, 4, data.size() - 8);
        data.resize(std::min<std::size_t>(data.size(), load_be16(request.cdb().padded(), 7)));
        const auto where = request.buffer(data.size());
        std::ranges::copy(data, as_writable_u8(where).begin());
        request.outcome.data_in = where;
        return backend::Step::done;
    }

    PrUnit& unit_;
    const unsigned nexus_;
};

} // namespace pvscsi::test
