// Attacks by tags and task management: tags used twice, ABORT of nothing and of everything, RESET
// without end. Every request still gets exactly one answer.
#include "tests/hostile/attack.hpp"

#include <map>

namespace pvscsi::hostile {

using ring::WireAction;
using ring::WireRequest;
using ring::WireResponse;

namespace {

/// Publishes the requests at once and returns how often each tag was answered.
std::map<std::uint16_t, unsigned> ask_all(Guest& guest, const std::vector<WireRequest>& requests) {
    for (const WireRequest& request : requests)
        guest.put(request);
    guest.publish();
    std::map<std::uint16_t, unsigned> answers;
    for (std::size_t i = 0; i < requests.size(); ++i)
        ++answers[guest.receive().rqid];
    expect(!guest.take(), "no request is answered twice");
    return answers;
}

void one_tag_for_all(Attack& attack) {
    for ([[maybe_unused]] const unsigned i : attack.some(100)) {
        std::vector<WireRequest> requests;
        for (unsigned n = 0; n < ring::ring_size; ++n) {
            requests.push_back(n % 2 == 0 ? attack.guest.read(n, 8, n)
                                          : attack.guest.write(n, 8, n));
            requests.back().rqid = 7;
        }
        expect(ask_all(attack.guest, requests)[7] == ring::ring_size,
               "each of the requests with one tag is answered");
    }
    attack.guest.prove_service();
}

void abort_of_nothing(Attack& attack) {
    for (const unsigned i : attack.some(500)) {
        WireRequest request =
            attack.guest.manage(WireAction::abort, static_cast<std::uint16_t>(attack.random()));
        request.lun = static_cast<std::uint16_t>(i % 3 == 0 ? attack.random() : 0);
        const WireResponse response = attack.guest.ask(request);
        expect_sane(response, request);
        expect(response.rslt == ring::task_management_success ||
                   response.rslt == ring::task_management_failed,
               "an ABORT has a task management result");
    }
    attack.guest.prove_service();
}

void abort_of_itself(Attack& attack) {
    for ([[maybe_unused]] const unsigned i : attack.some(200)) {
        std::vector<WireRequest> requests;
        for (unsigned n = 0; n < ring::ring_size; ++n) {
            requests.push_back(attack.guest.manage(WireAction::abort, 9));
            requests.back().rqid = 9;
        }
        expect(ask_all(attack.guest, requests)[9] == ring::ring_size,
               "ABORTs of themselves and each other all end");
    }
    attack.guest.prove_service();
}

void abort_of_everything(Attack& attack) {
    Guest& guest = attack.guest;
    for ([[maybe_unused]] const unsigned i : attack.some(300)) {
        std::vector<WireRequest> requests;
        for (unsigned n = 0; n < ring::ring_size / 2; ++n) {
            requests.push_back(guest.read(n * 64, 64, n * 8));
            requests.push_back(guest.manage(WireAction::abort, requests.back().rqid));
        }
        for (const WireRequest& request : requests)
            guest.put(request);
        guest.publish();
        // The victim is answered before its ABORT.
        std::map<std::uint16_t, bool> answered;
        for (std::size_t n = 0; n < requests.size(); ++n) {
            const WireResponse response = guest.receive();
            const bool abort = std::any_of(requests.begin(), requests.end(), [&](const auto& r) {
                return r.rqid == response.rqid && r.act == 2;
            });
            if (abort)
                expect(answered[static_cast<std::uint16_t>(response.rqid - 1)],
                       "a victim is answered before its ABORT");
            expect(!std::exchange(answered[response.rqid], true), "one answer for each request");
        }
    }
    guest.prove_service();
}

void reset_storm(Attack& attack) {
    Guest& guest = attack.guest;
    for ([[maybe_unused]] const unsigned i : attack.some(300)) {
        std::vector<WireRequest> requests;
        for (unsigned n = 0; n < ring::ring_size; ++n)
            requests.push_back(attack.random.below(3) == 0 ? guest.read(n * 8, 8, n)
                                                           : guest.manage(WireAction::reset));
        ask_all(guest, requests);
    }
    guest.prove_service();
}

void reset_of_nothing(Attack& attack) {
    for (const unsigned lun : {1u, 255u, 0x4000u, 0xffffu}) {
        WireRequest request = attack.guest.manage(WireAction::reset);
        request.lun = static_cast<std::uint16_t>(lun);
        expect(attack.guest.ask(request).rslt == ring::task_management_failed,
               "a RESET of a LUN that is not there fails");
    }
    attack.guest.prove_service();
}

constexpr NamedAttack attacks[] = {
    {"tasks: one tag for all", one_tag_for_all},
    {"tasks: ABORT of nothing", abort_of_nothing},
    {"tasks: ABORTs of themselves", abort_of_itself},
    {"tasks: ABORT of everything", abort_of_everything},
    {"tasks: storm of RESETs", reset_storm},
    {"tasks: RESET of nothing", reset_of_nothing},
};

} // namespace

std::span<const NamedAttack> task_attacks() {
    return attacks;
}

} // namespace pvscsi::hostile
