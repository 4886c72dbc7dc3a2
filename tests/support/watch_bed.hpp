// A disk under the watch over which unit it is (backend/nexus/unit_watch.hpp), and the guest that
// was given it.
#pragma once

#include "backend/nexus/lone_nexus.hpp"
#include "backend/nexus/unit_watch.hpp"
#include "tests/support/target_host.hpp"

#include <memory>
#include <utility>
#include <vector>

namespace pvscsi::test {

using namespace pvscsi::backend;
using scsi::HostCode;
using scsi::SenseKey;
using scsi::Status;

inline const Bytes test_unit_ready(6), inquiry{0x12, 0, 0, 0, 36, 0};
inline const Bytes request_sense{0x03, 0, 0, 0, 18, 0}, write_10{0x2a, 0, 0, 0, 0, 0, 0, 0, 1, 0};

inline Bytes page_of(std::uint8_t name) {
    return {0, 0x83, 0, 6, 1, 3, 0, 2, 0xab, name};
}
inline std::vector<std::byte> raw(const Bytes& page) {
    const auto bytes = std::as_bytes(std::span(page));
    return {bytes.begin(), bytes.end()};
}

/// A disk whose INQUIRY may be slow, or fail. With a `room` of 0 its other commands wait here for
/// their turn and can be aborted.
class Disk final : public Target {
  public:
    Step start(Request& request) noexcept override {
        if (request.cdb().opcode() == 0x12 && (request.cdb().padded()[1] & 1) != 0)
            return be_asked(request);
        if (request.direction() == ring::Direction::to_device && request.length() > 0) {
            request.want_data(std::as_writable_bytes(std::span(memory)));
            return Step::need_data;
        }
        return resume(request);
    }
    Step resume(Request& request) noexcept override {
        if (!room) {
            waiting.push_back(&request);
            return Step::pending;
        }
        ++commands;
        request.outcome.status = sense.bytes().empty() ? Status::good : Status::check_condition;
        request.outcome.sense = std::exchange(sense, {});
        return Step::done;
    }
    void drop(Request&) noexcept override { ++drops; }
    void abort(Request& request) noexcept override {
        if (std::erase(waiting, &request) != 0)
            aborted.push_back(&request);
    }
    [[nodiscard]] std::uint8_t device_type() const noexcept override { return 0; }

    /// The device's part of what is asked by the loop.
    void end_aborted() {
        for (Request* const request : std::exchange(aborted, {})) {
            request->outcome.host = HostCode::abort;
            request->finish();
        }
    }
    void answer() {
        question->outcome.host = host;
        question->outcome.status =
            question_sense.bytes().empty() ? question_status : Status::check_condition;
        question->outcome.sense = std::exchange(question_sense, {});
        if (question->outcome.status == Status::good)
            question->outcome.data_in = std::as_bytes(std::span(page));
    }
    void answer_now() {
        answer();
        question->finish();
    }
    void says(unsigned asc, unsigned ascq) { sense = attention(asc, ascq); }
    static scsi::Sense attention(unsigned asc, unsigned ascq) {
        return scsi::Sense::fixed(SenseKey::unit_attention, static_cast<std::uint8_t>(asc),
                                  static_cast<std::uint8_t>(ascq));
    }
    void is_taken_away() {
        sense = scsi::Sense::fixed(SenseKey::illegal_request, 0x25, 0x00);
        page = {0x7f, 0x83, 0, 0};
    }

    unsigned commands = 0, questions = 0, drops = 0;
    bool slow = false, room = true;
    HostCode host = HostCode::ok;
    Status question_status = Status::good;
    scsi::Sense question_sense, sense;
    Bytes page = page_of(1), memory = Bytes(512);
    Request* question = nullptr;
    std::vector<Request*> waiting, aborted;

  private:
    Step be_asked(Request& request) noexcept {
        ++questions;
        question = &request;
        if (slow)
            return Step::pending;
        answer();
        return Step::done;
    }
};

struct Guest {
    explicit Guest(TargetDoubts doubts = std::make_shared<std::atomic<unsigned>>(0))
        : Guest(std::make_unique<Disk>(), std::move(doubts)) {}
    Guest(std::unique_ptr<Disk> inner, TargetDoubts doubts)
        : disk(*inner),
          host(std::make_unique<UnitWatch>(std::make_unique<LoneNexus>(std::move(inner)),
                                           raw(page_of(1)), std::move(doubts), "detach it")) {
        host.target().on_failure = [this](const std::string& reason) {
            failure = reason;
            ++failures;
        };
        host.target().on_warning = [this](const std::string& what) {
            warning = what;
            ++warnings;
        };
    }
    /// Doubt has been cast, and the unit does not answer yet.
    TargetHost::Flight& make_doubtful() {
        disk.slow = true;
        disk.says(0x3f, 0x0e);
        return host.send(test_unit_ready, {});
    }
    test::Answer write() { return host.out(write_10, Bytes(512)); }

    Disk& disk;
    TargetHost host;
    std::string failure, warning;
    unsigned failures = 0, warnings = 0;
};

} // namespace pvscsi::test
