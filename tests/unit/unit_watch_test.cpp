// The watch over whether a disk is still the one that the guest was given.
#include "backend/nexus/unit_watch.hpp"

#include "backend/nexus/lone_nexus.hpp"
#include "tests/support/target_host.hpp"
#include "tests/support/temp_folder.hpp"

#include <catch2/catch.hpp>

#include <filesystem>

using namespace pvscsi;
using namespace pvscsi::backend;
using scsi::HostCode;
using scsi::SenseKey;
using scsi::Status;
using test::Bytes;
using test::TargetHost;

namespace {

const Bytes test_unit_ready(6), inquiry{0x12, 0, 0, 0, 36, 0}, request_sense{0x03, 0, 0, 0, 18, 0};
const Bytes write_10{0x2a, 0, 0, 0, 0, 0, 0, 0, 1, 0};

Bytes page_of(std::uint8_t name) {
    return {0, 0x83, 0, 6, 1, 3, 0, 2, 0xab, name};
}
std::vector<std::byte> raw(const Bytes& page) {
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

} // namespace

TEST_CASE("what cannot mean another unit is not looked into") {
    Guest guest;
    const auto [asc, ascq] = GENERATE(
        table<unsigned, unsigned>({{0x28, 0x00}, {0x2a, 0x09}, {0x3f, 0x01}, {0x3f, 0x02}}));
    guest.disk.says(asc, ascq);
    CHECK(guest.host.none(test_unit_ready).is(SenseKey::unit_attention, asc, ascq));
    guest.disk.sense = scsi::Sense::fixed(SenseKey::illegal_request, 0x24, 0x00);
    CHECK(guest.host.none(test_unit_ready).is(SenseKey::illegal_request, 0x24, 0x00));
    CHECK(guest.write().good());
    CHECK(guest.disk.questions == 0);
}

TEST_CASE("the same unit goes on, and the guest has the unit attention") {
    const auto [asc, ascq] = GENERATE(table<unsigned, unsigned>(
        {{0x29, 0x00}, {0x29, 0x07}, {0x3f, 0x03}, {0x3f, 0x05}, {0x3f, 0x0e}}));
    Guest guest;
    guest.disk.says(asc, ascq);
    CHECK(guest.host.none(test_unit_ready).is(SenseKey::unit_attention, asc, ascq));
    CHECK(guest.disk.questions == 1);
    CHECK(guest.write().good());
    CHECK(guest.disk.questions == 1);
    CHECK(guest.failure.empty());
}

TEST_CASE("another unit gets no command of the guest, ever") {
    const auto [asc, ascq] = GENERATE(table<unsigned, unsigned>(
        {{0x29, 0x00}, {0x29, 0x07}, {0x3f, 0x03}, {0x3f, 0x05}, {0x3f, 0x0e}}));
    Guest guest;
    guest.disk.page = page_of(2);
    guest.disk.says(asc, ascq);
    CHECK(guest.host.none(test_unit_ready).is(SenseKey::unit_attention, asc, ascq));
    CHECK(guest.failure ==
          "another unit is at its address now, naa.ab02; the guest was given naa.ab01: detach it");
    guest.disk.page = page_of(1);
    CHECK(guest.host.none(test_unit_ready).host == HostCode::no_connect);
    CHECK(guest.host.in(inquiry, 36).host == HostCode::no_connect);
    CHECK(guest.host.in(request_sense, 18).host == HostCode::no_connect);
    CHECK(guest.write().host == HostCode::no_connect);
    CHECK(guest.disk.commands == 1);
    CHECK(guest.failures == 1);
}

TEST_CASE("a unit attention that REQUEST SENSE fetches is one") {
    struct Fetched final : Target {
        Step start(Request& request) noexcept override {
            const auto& bytes = request.cdb().opcode() == 0x03 ? sense : page;
            request.outcome.data_in = std::as_bytes(std::span(bytes));
            return Step::done;
        }
        Step resume(Request&) noexcept override { return Step::done; }
        [[nodiscard]] std::uint8_t device_type() const noexcept override { return 0; }
        Bytes page = page_of(2);
        Bytes sense{0x70, 0, 6, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0x3f, 0x03, 0, 0, 0, 0};
    };
    TargetHost host(std::make_unique<UnitWatch>(std::make_unique<Fetched>(), raw(page_of(1)),
                                                std::make_shared<std::atomic<unsigned>>(0), ""));
    CHECK(host.in(request_sense, 18).good());
    CHECK(host.none(test_unit_ready).host == HostCode::no_connect);
}

TEST_CASE("until it is known which unit it is, nothing is given to it") {
    Guest guest;
    const auto name = GENERATE(std::uint8_t{1}, std::uint8_t{2});
    guest.disk.page = page_of(name);
    auto& doubtful = guest.make_doubtful();
    CHECK_FALSE(doubtful.ended());
    CHECK(guest.write().status == Status::busy);
    CHECK(guest.host.in(request_sense, 18).status == Status::busy);
    CHECK(guest.disk.commands == 1);
    CHECK(guest.host.in(inquiry, 36).good()); // tells nothing of the medium
    CHECK(guest.disk.questions == 1);
    guest.disk.answer_now();
    REQUIRE(doubtful.endings() == 1);
    CHECK(doubtful.answer().is(SenseKey::unit_attention, 0x3f, 0x0e));
    CHECK(guest.write().good() == (name == 1));
    CHECK(guest.failure.empty() == (name == 1));
    CHECK(guest.disk.questions == 1);
}

TEST_CASE("data that are on their way when doubt is cast are not written") {
    Guest guest;
    auto& write = guest.host.send_without_data(write_10, 512);
    auto& lost = guest.host.send_without_data(write_10, 512);
    guest.disk.page = page_of(2);
    auto& doubtful = guest.make_doubtful();
    const bool answered = GENERATE(false, true);
    if (answered)
        guest.disk.answer_now();
    CHECK(guest.host.target().resume(write.request()) == Step::done);
    if (answered)
        CHECK(write.request().outcome.host == HostCode::no_connect);
    else
        CHECK(write.request().outcome.status == Status::busy);
    CHECK(guest.disk.drops == 1);
    guest.host.target().drop(lost.request());
    CHECK(guest.disk.drops == 2);
    CHECK(guest.disk.commands == 1);
    if (!answered)
        guest.disk.answer_now();
    CHECK(doubtful.endings() == 1);
}

TEST_CASE("commands that wait for their turn are taken back") {
    Guest guest;
    guest.disk.room = false;
    auto& first = guest.host.send(write_10, Bytes(512));
    auto& second = guest.host.send(write_10, Bytes(512));
    REQUIRE(guest.disk.waiting.size() == 2);
    guest.disk.room = true;
    guest.disk.page = page_of(2);
    auto& doubtful = guest.make_doubtful();
    CHECK(guest.disk.waiting.empty());
    SECTION("before the answer they are BUSY") {
        guest.disk.end_aborted();
        CHECK(first.answer().status == Status::busy);
        CHECK(first.answer().host == HostCode::ok);
        guest.disk.answer_now();
    }
    SECTION("one that the guest aborts meanwhile is aborted") {
        guest.host.target().abort(first.request());
        guest.disk.end_aborted();
        CHECK(first.answer().host == HostCode::abort);
        CHECK(second.answer().status == Status::busy);
        guest.disk.answer_now();
    }
    SECTION("after it they have it") {
        guest.disk.answer_now();
        guest.disk.end_aborted();
        CHECK(first.answer().host == HostCode::no_connect);
    }
    CHECK(first.endings() == 1);
    CHECK(second.endings() == 1);
    CHECK(doubtful.endings() == 1);
    CHECK(guest.disk.commands == 1);
}

TEST_CASE("what one unit says of the target's LUNs concerns all of them") {
    const auto doubts = std::make_shared<std::atomic<unsigned>>(0);
    Guest one(doubts), other(doubts), third(doubts), elsewhere;
    other.disk.page = page_of(2);
    one.disk.says(0x3f, 0x0e);
    CHECK(one.host.none(test_unit_ready).is(SenseKey::unit_attention, 0x3f, 0x0e));
    CHECK(other.write().host == HostCode::no_connect);
    CHECK(other.disk.commands == 0);
    CHECK(third.write().good());
    CHECK(third.disk.questions == 1);
    CHECK(one.host.none(test_unit_ready).good());
    CHECK(one.disk.questions == 1);
    CHECK(elsewhere.host.none(test_unit_ready).good());
    CHECK(elsewhere.disk.questions == 0);
}

TEST_CASE("a command that comes to a doubtful unit waits for the answer") {
    const auto doubts = std::make_shared<std::atomic<unsigned>>(0);
    Guest guest(doubts);
    guest.disk.slow = true;
    ++*doubts;
    auto& write = guest.host.send(write_10, Bytes(512));
    CHECK_FALSE(write.ended());
    SECTION("and is BUSY if it is the same unit") {
        guest.disk.answer_now();
        CHECK(write.answer().status == Status::busy);
        CHECK(guest.write().good());
    }
    SECTION("and is refused by another") {
        guest.disk.page = page_of(2);
        guest.disk.answer_now();
        CHECK(write.answer().host == HostCode::no_connect);
    }
    SECTION("and is not executed once the guest has aborted it") {
        guest.host.target().abort(write.request());
        CHECK_FALSE(write.ended()); // not from inside the call
        guest.disk.answer_now();
        CHECK(write.answer().host == HostCode::abort);
    }
    SECTION("and ends as the question does when the unit is reset") {
        guest.disk.host = HostCode::reset;
        guest.disk.answer_now();
        CHECK(write.answer().host == HostCode::reset);
    }
    CHECK(write.endings() == 1);
    CHECK(guest.disk.questions == 1);
}

TEST_CASE("what the device has answered stays answered, whatever becomes of the question") {
    Guest guest;
    auto& doubtful = guest.make_doubtful();
    guest.host.target().abort(doubtful.request());
    CHECK_FALSE(doubtful.ended());
    guest.disk.host = GENERATE(HostCode::ok, HostCode::reset, HostCode::time_out);
    guest.disk.answer_now();
    CHECK(doubtful.endings() == 1);
    CHECK(doubtful.answer().is(SenseKey::unit_attention, 0x3f, 0x0e));
}

TEST_CASE("doubt that is cast while the unit is asked has it asked again") {
    const auto doubts = std::make_shared<std::atomic<unsigned>>(0);
    Guest guest(doubts);
    guest.disk.room = false; // a command that is at the device when the first doubt comes
    auto& earlier = guest.host.send(test_unit_ready, {});
    Request& at_device = *std::exchange(guest.disk.waiting, {}).at(0);
    guest.disk.room = true;
    auto& doubtful = guest.make_doubtful();
    SECTION("by another unit") {
        ++*doubts;
        CHECK(guest.write().status == Status::busy);
    }
    SECTION("by this one") {
        at_device.outcome.status = Status::check_condition;
        at_device.outcome.sense = Disk::attention(0x29, 0x00);
        at_device.finish();
        CHECK(earlier.answer().is(SenseKey::unit_attention, 0x29, 0x00));
    }
    guest.disk.answer_now();
    CHECK_FALSE(doubtful.ended());
    CHECK(guest.disk.questions == 2);
    guest.disk.page = page_of(2);
    guest.disk.answer_now();
    CHECK(doubtful.endings() == 1);
    CHECK(guest.write().host == HostCode::no_connect);
    CHECK(guest.disk.questions == 2);
    if (!earlier.ended())
        at_device.finish();
}

TEST_CASE("one that was taken away is asked for before it is used again") {
    Guest guest;
    guest.disk.is_taken_away();
    CHECK(guest.host.none(test_unit_ready).is(SenseKey::illegal_request, 0x25, 0x00));
    CHECK(guest.host.none(test_unit_ready).is(SenseKey::illegal_request, 0x25, 0x00));
    CHECK(guest.host.in(request_sense, 18).data.at(12) == 0x25);
    CHECK(guest.disk.commands == 1);
    guest.host.target().keep_house();
    guest.host.target().keep_house();
    CHECK(guest.warning == "no unit answers to its address, or one without a name");
    CHECK(guest.warnings == 1);
    SECTION("it comes back") {
        guest.disk.page = page_of(1);
        CHECK(guest.write().good());
        guest.host.target().keep_house();
        CHECK(guest.warning.empty());
        CHECK(guest.warnings == 2);
    }
    SECTION("another one comes") {
        guest.disk.page = page_of(2);
        CHECK(guest.write().host == HostCode::no_connect);
        CHECK(guest.failure.find("naa.ab02") != std::string::npos);
    }
    SECTION("one comes that has no name, or not that page") {
        guest.disk.page = {0, 0x83, 0, 0};
        if (GENERATE(false, true))
            guest.disk.question_sense = scsi::Sense::fixed(SenseKey::illegal_request, 0x24, 0x00);
        CHECK(guest.write().is(SenseKey::illegal_request, 0x25, 0x00));
        CHECK(guest.failure.empty());
        guest.disk.page = page_of(1);
        CHECK(guest.write().good());
    }
}

TEST_CASE("without an answer the guest has the host code of the question, which is asked again") {
    Guest guest;
    guest.disk.host =
        GENERATE(HostCode::transport_disrupted, HostCode::time_out, HostCode::no_connect);
    guest.disk.page = page_of(2);
    guest.disk.says(0x29, 0x00);
    CHECK(guest.host.none(test_unit_ready).is(SenseKey::unit_attention, 0x29, 0x00));
    CHECK(guest.write().host == guest.disk.host);
    CHECK(guest.failure.empty());
    CHECK(guest.disk.commands == 1);
    guest.disk.host = HostCode::ok;
    guest.disk.page = page_of(GENERATE(std::uint8_t{1}, std::uint8_t{2}));
    CHECK(guest.write().good() == (guest.disk.page == page_of(1)));
}

TEST_CASE("a unit that has no time for the question has the guest's commands BUSY") {
    Guest guest;
    guest.disk.question_status = GENERATE(Status::busy, Status::task_set_full);
    guest.disk.says(0x29, 0x00);
    CHECK(guest.host.none(test_unit_ready).is(SenseKey::unit_attention, 0x29, 0x00));
    CHECK(guest.write().status == Status::busy);
    guest.disk.question_status = Status::good;
    CHECK(guest.write().good());
}

TEST_CASE("a unit attention that the question is answered with is the guest's") {
    Guest guest;
    guest.disk.says(0x29, 0x00);
    guest.disk.question_sense = Disk::attention(0x2a, 0x09);
    CHECK(guest.host.none(test_unit_ready).is(SenseKey::unit_attention, 0x29, 0x00));
    CHECK(guest.host.none(test_unit_ready).is(SenseKey::unit_attention, 0x2a, 0x09));
    CHECK(guest.write().good());
    CHECK(guest.disk.questions == 2);
}

TEST_CASE("more commands than a ring has are BUSY") {
    Guest guest;
    for (unsigned i = 0; i < 2 * ring::ring_size; ++i) { // what was dropped has gone
        auto& lost = guest.host.send_without_data(write_10, 512);
        guest.host.target().drop(lost.request());
    }
    guest.disk.room = false;
    for (unsigned i = 0; i < ring::ring_size; ++i)
        REQUIRE_FALSE(guest.host.send(test_unit_ready, {}).ended());
    CHECK(guest.host.none(test_unit_ready).status == Status::busy);
    guest.disk.room = true;
    for (Request* const request : std::exchange(guest.disk.waiting, {}))
        request->finish();
    for (unsigned i = 0; i < 2 * ring::ring_size; ++i)
        CHECK(guest.write().good());
}

TEST_CASE("doubts are a target's, by the path that its units have") {
    const test::Folder sysfs;
    namespace fs = std::filesystem;
    const auto add = [&](const std::string& sg, const std::string& place) {
        const fs::path device = fs::path(sysfs.path("devices")) / place;
        const fs::path entry = sysfs.path("class/scsi_generic/" + sg);
        fs::create_directories(device);
        fs::create_directories(entry);
        fs::create_directory_symlink(device, entry / "device");
    };
    add("sg0", "host5/target5:0:0/5:0:0:0");
    add("sg1", "host5/target5:0:0/5:0:0:1");
    add("sg2", "host5/target5:0:1/5:0:1:0");
    const auto at = [&](const char* node) { return doubts_at(node, sysfs.path("")); };
    const auto first = at("/dev/sg0");
    CHECK(at("/dev/sg1") == first);
    CHECK(at("/dev/sg2") != first);
    CHECK(at("/dev/sg3") != first); // gone meanwhile
    ++*first;
    CHECK(*at("/dev/sg1") == 1);
}
