// Guests behind one nexus to a unit with persistent reservations, and another host.
#pragma once

#include "backend/nexus/nexus_target.hpp"
#include "tests/support/manual_worker.hpp"
#include "tests/support/pr_unit.hpp"
#include "tests/support/target_host.hpp"
#include "tests/support/temp_folder.hpp"

#include <catch2/catch.hpp>

#include <map>

namespace pvscsi::test {

inline const Bytes test_unit_ready{0, 0, 0, 0, 0, 0};
inline const Bytes inquiry{0x12, 0, 0, 0, 36, 0};
inline const Bytes read_1{0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0};
inline const Bytes write_1{0x2a, 0, 0, 0, 0, 0, 0, 0, 1, 0};
inline const Bytes reserve_6{0x16, 0, 0, 0, 0, 0};
inline const Bytes release_6{0x17, 0, 0, 0, 0, 0};

enum Action : std::uint8_t {
    enroll = 0,
    reserve,
    release,
    clear,
    preempt,
    preempt_and_abort,
    enroll_anyway
};

struct PrOutCommand {
    Bytes cdb, list;
};
inline PrOutCommand pr_out(Action action, std::uint64_t key, std::uint64_t action_key = 0,
                           std::uint8_t type = 0, std::uint8_t flags = 0) {
    PrOutCommand command{{0x5f, action, type, 0, 0, 0, 0, 0, 24, 0}, Bytes(24)};
    store_be64(command.list, 0, key);
    store_be64(command.list, 8, action_key);
    command.list[20] = flags;
    return command;
}
inline Answer send(TargetHost& host, const PrOutCommand& command) {
    return host.out(command.cdb, command.list);
}
inline bool conflicts(const Answer& answer) {
    return answer.host == scsi::HostCode::ok && answer.status == scsi::Status::reservation_conflict;
}
inline Bytes pr_in(std::uint8_t action, std::uint16_t length = 1024) {
    return {0x5e,
            action,
            0,
            0,
            0,
            0,
            0,
            static_cast<std::uint8_t>(length >> 8),
            static_cast<std::uint8_t>(length),
            0};
}
using Keys = std::vector<std::uint64_t>;
inline Keys keys(TargetHost& host) {
    const auto answer = host.in(pr_in(0), 1024);
    REQUIRE(answer.good());
    Keys keys;
    for (std::size_t at = 8; at < 8 + load_be32(answer.data, 4); at += 8)
        keys.push_back(load_be64(answer.data, at));
    std::ranges::sort(keys);
    return keys;
}
struct Held {
    unsigned type = 0;
    std::uint64_t key = 0;
    friend bool operator==(const Held&, const Held&) = default;
};
inline Held held(TargetHost& host) {
    const auto answer = host.in(pr_in(1), 1024);
    REQUIRE(answer.good());
    if (answer.data.size() < 24)
        return {};
    return {answer.data[21], load_be64(answer.data, 8)};
}
inline bool reads(TargetHost& host) {
    const auto answer = host.in(read_1, 512);
    CHECK((answer.good() || conflicts(answer)));
    return answer.good();
}
inline bool writes(TargetHost& host) {
    const auto answer = host.out(write_1, Bytes(512));
    CHECK((answer.good() || conflicts(answer)));
    return answer.good();
}
inline bool says(TargetHost& host, const scsi::Condition& attention) {
    return host.none(test_unit_ready).is(attention.key, attention.asc, attention.ascq);
}
inline bool silent(TargetHost& host) {
    return host.none(test_unit_ready).good();
}

struct NexusBed {
    static constexpr backend::NexusId a_id = 1, b_id = 2, c_id = 3;
    static constexpr std::uint64_t a_key = 0xa, b_key = 0xb, c_key = 0xc, other_key = 0x0e;

    PrUnit device;
    Folder folder;
    std::shared_ptr<backend::SharedUnit> unit;
    std::map<backend::NexusId, TargetHost> guests;
    TargetHost other{std::make_unique<PrPath>(device, 1)};
    std::chrono::milliseconds patience = std::chrono::seconds(10);

    NexusBed() { start(); }
    std::string record() const { return folder.path("reservations"); }
    /// As a daemon does that is given the unit.
    void start() {
        unit = backend::SharedUnit::at("/dev/sg1");
        unit->keep_reservations(record());
    }
    /// Nothing of it is in memory any more.
    void stop() {
        guests.clear();
        unit.reset();
    }
    TargetHost& guest(backend::NexusId id) {
        const auto place = guests.find(id);
        if (place != guests.end())
            return place->second;
        return guests
            .try_emplace(id, std::make_unique<backend::NexusTarget>(
                                 std::make_unique<PrPath>(device, 0), unit, id, patience))
            .first->second;
    }
    TargetHost& a() { return guest(a_id); }
    TargetHost& b() { return guest(b_id); }
    TargetHost& c() { return guest(c_id); } ///< not registered where nothing says so

    void enroll_all() {
        REQUIRE(send(a(), pr_out(enroll, 0, a_key)).good());
        REQUIRE(send(b(), pr_out(enroll, 0, b_key)).good());
        c();
    }
    bool works(unsigned action_type, TargetHost& host, std::uint64_t key) {
        return send(host, pr_out(reserve, key, 0, static_cast<std::uint8_t>(action_type))).good();
    }
};

} // namespace pvscsi::test
