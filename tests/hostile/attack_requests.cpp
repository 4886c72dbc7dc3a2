// Attacks by the fields of a request on a sound ring: each gets exactly one answer, a SCSI or host
// error of its own, and the connection goes on.
#include "tests/hostile/attack.hpp"

#include <algorithm>
#include <cstring>

namespace pvscsi::hostile {

using ring::WireDirection;
using ring::WireRequest;
using ring::WireResponse;

void expect_sane(const WireResponse& response, const WireRequest& request) {
    expect(response.rqid == request.rqid, "a response carries its request's tag");
    expect(response.sense_len <= ring::max_sense_size, "sense data fit");
    // The rest of the slot is what the guest wrote there, and nothing of the daemon's memory.
    const auto* answer = reinterpret_cast<const std::uint8_t*>(&response);
    const auto* question = reinterpret_cast<const std::uint8_t*>(&request);
    const auto untouched = [&](std::size_t from, std::size_t to) {
        return std::equal(answer + from, answer + to, question + from);
    };
    expect(untouched(offsetof(WireResponse, sense_buffer) + response.sense_len,
                     offsetof(WireResponse, rslt)) &&
               untouched(offsetof(WireResponse, reserved), sizeof response),
           "no byte of the daemon's memory leaks through what a response does not use");
}

namespace {

WireRequest any_sound(Attack& attack) {
    Guest& guest = attack.guest;
    const std::uint8_t inquiry[6] = {0x12, 0, 0, 0, 96, 0};
    switch (attack.random.below(4)) {
    case 0:
        return guest.write(attack.random.below(100), 24, 8);
    case 1:
        return guest.test_unit_ready();
    case 2: {
        WireRequest request = guest.cdb(inquiry, WireDirection::from_device);
        request.nr_segments = 1;
        request.seg[0] = {guest.ref(3).value(), 100, 96};
        return request;
    }
    default:
        return guest.read(attack.random.below(100), 24);
    }
}

void every_byte(Attack& attack) {
    constexpr std::uint8_t values[] = {0x00, 0x01, 0x02, 0x1a, 0x7f, 0x80, 0x9a, 0xff};
    for (const unsigned at : attack.some(sizeof(WireRequest)))
        for (const std::uint8_t value : values) {
            WireRequest request = any_sound(attack);
            std::memcpy(reinterpret_cast<std::byte*>(&request) + at, &value, 1);
            expect_sane(attack.guest.ask(request), request);
        }
    attack.guest.prove_service();
}

void random_bytes(Attack& attack) {
    for ([[maybe_unused]] const unsigned i : attack.some(3000)) {
        auto request = any_sound(attack);
        auto* bytes = reinterpret_cast<std::uint8_t*>(&request);
        for (unsigned n = attack.random.below(40); n > 0; --n)
            bytes[attack.random.below(sizeof request)] = static_cast<std::uint8_t>(attack.random());
        expect_sane(attack.guest.ask(request), request);
    }
    attack.guest.prove_service();
}

void segment_counts(Attack& attack) {
    for (const unsigned count : attack.some(256))
        for (unsigned direction = 0; direction < 5; ++direction) {
            WireRequest request = attack.guest.read(0, 208);
            request.nr_segments = static_cast<std::uint8_t>(count);
            request.sc_data_direction = static_cast<std::uint8_t>(direction);
            const WireResponse response = attack.guest.ask(request);
            expect_sane(response, request);
            if (count > 26 && count < 0x80)
                expect(host_of(response) == host_error, "too many segments are refused");
        }
    attack.guest.prove_service();
}

void segments_past_their_page(Attack& attack) {
    Guest& guest = attack.guest;
    const auto memory = guest.memory();
    for (const auto& [offset, length] : {std::pair{4095, 2},
                                         {4096, 1},
                                         {1, 4096},
                                         {65535, 65535},
                                         {0, 0},
                                         {0, 4097},
                                         {2048, 2049},
                                         {65535, 1}})
        for (const unsigned broken : {0u, 12u, 25u}) {
            std::fill(memory.begin(), memory.end(), std::byte{0x5a});
            WireRequest request = guest.read(0, 208);
            request.seg[broken].offset = static_cast<std::uint16_t>(offset);
            request.seg[broken].length = static_cast<std::uint16_t>(length);
            expect(host_of(guest.ask(request)) == host_error, "a bad segment is refused");
            expect(std::all_of(memory.begin(), memory.end(),
                               [](std::byte byte) { return byte == std::byte{0x5a}; }),
                   "a refused request changes nothing");
        }
    guest.prove_service();
}

void nothing_outside_the_segments(Attack& attack) {
    Guest& guest = attack.guest;
    guest.ask(guest.write(0, 8, 0));
    for ([[maybe_unused]] const unsigned i : attack.some(500)) {
        const auto memory = guest.memory();
        std::fill(memory.begin(), memory.end(), std::byte{0x5a});
        // 4 KiB into a place that holds less, or just as much, or more.
        const auto length = static_cast<std::uint16_t>(1 + attack.random.below(4096));
        const auto offset = static_cast<std::uint16_t>(attack.random.below(4097u - length));
        WireRequest request = guest.read(0, 8);
        request.seg[0] = {guest.ref(5).value(), offset, length};
        expect_sane(guest.ask(request), request);
        const auto page = memory.subspan(5 * hv::page_size, hv::page_size);
        const auto untouched = [](std::span<const std::byte> bytes) {
            return std::all_of(bytes.begin(), bytes.end(),
                               [](std::byte byte) { return byte == std::byte{0x5a}; });
        };
        expect(untouched(page.first(offset)) && untouched(page.subspan(offset + length)) &&
                   untouched(memory.first(5 * hv::page_size)) &&
                   untouched(memory.subspan(6 * hv::page_size)),
               "bytes outside the segment are not changed");
    }
    guest.prove_service();
}

void unknown_actions(Attack& attack) {
    for (const unsigned act : attack.some(256)) {
        WireRequest request = attack.guest.read(0, 8);
        request.act = static_cast<std::uint8_t>(act);
        const WireResponse response = attack.guest.ask(request);
        expect_sane(response, request);
        if (act == 0 || act > 3)
            expect(host_of(response) == host_error, "an unknown action is refused");
    }
    attack.guest.prove_service();
}

void addresses(Attack& attack) {
    for (const unsigned value : {1u, 63u, 255u, 256u, 0x4000u, 0x7fffu, 0x8000u, 0xffffu})
        for (int field = 0; field < 3; ++field) {
            WireRequest request = attack.guest.read(0, 8);
            std::uint16_t* const fields[] = {&request.channel, &request.id, &request.lun};
            *fields[field] = static_cast<std::uint16_t>(value);
            const WireResponse response = attack.guest.ask(request);
            expect_sane(response, request);
            expect(!good(response), "an address without a LUN does not answer");
        }
    attack.guest.prove_service();
}

void every_opcode(Attack& attack) {
    for (const unsigned opcode : attack.some(256))
        for (unsigned i = 0; i < 12; ++i) {
            WireRequest request = attack.guest.read(0, i % 3 * 32);
            request.cmnd[0] = static_cast<std::uint8_t>(opcode);
            for (unsigned byte = 1; byte < 16; ++byte)
                request.cmnd[byte] = i < 4 ? static_cast<std::uint8_t>(i * 85)
                                           : static_cast<std::uint8_t>(attack.random());
            request.cmd_len = 16;
            request.sc_data_direction = static_cast<std::uint8_t>(1 + i % 3);
            if (request.sc_data_direction == 3)
                request.nr_segments = 0;
            expect_sane(attack.guest.ask(request), request);
        }
    attack.guest.prove_service();
}

void cdb_lengths(Attack& attack) {
    for (const unsigned opcode : attack.some(256))
        for (const unsigned length :
             {0u, 1u, 5u, 6u, 9u, 10u, 11u, 12u, 15u, 16u, 17u, 32u, 255u}) {
            WireRequest request = attack.guest.read(0, 1);
            request.cmnd[0] = static_cast<std::uint8_t>(opcode);
            request.cmd_len = static_cast<std::uint8_t>(length);
            const WireResponse response = attack.guest.ask(request);
            expect_sane(response, request);
            if (length == 0 || length > 16)
                expect(host_of(response) == host_error, "a CDB of a wrong length is refused");
        }
    attack.guest.prove_service();
}

constexpr NamedAttack attacks[] = {
    {"request: every byte of it wrong", every_byte},
    {"request: random bytes wrong", random_bytes},
    {"request: every number of segments and direction", segment_counts},
    {"request: segments past their page", segments_past_their_page},
    {"request: segments of every shape", nothing_outside_the_segments},
    {"request: unknown actions", unknown_actions},
    {"request: addresses up to 65535", addresses},
    {"request: every opcode with any CDB", every_opcode},
    {"request: CDBs of every length", cdb_lengths},
};

} // namespace

std::span<const NamedAttack> request_attacks() {
    return attacks;
}

} // namespace pvscsi::hostile
