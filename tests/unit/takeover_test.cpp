// A daemon dies at any point of its work, and the next one goes on with the ring: every request is
// answered once, and what must not be done twice is not.
#include "backend/repeatable.hpp"
#include "ring/response.hpp"
#include "tests/support/queue_bed.hpp"
#include "tests/support/temp_file.hpp"

#include <algorithm>
#include <filesystem>
#include <set>

using namespace pvscsi;
using namespace pvscsi::backend;
using test::QueueBed;

namespace {

std::uint16_t host_of(const ring::WireResponse& response) {
    return static_cast<std::uint16_t>(response.rslt >> 16 & 0xff);
}

ring::WireRequest turs(std::uint16_t tag) {
    return QueueBed::request(tag, {0, 0, 0, 0, 0, 0});
}
ring::WireRequest read10(std::uint16_t tag) {
    return QueueBed::request(tag, {0x28, 0, 0, 0, 0, 0, 0, 0, 0, 0});
}
ring::WireRequest manage(std::uint16_t tag, std::uint8_t action, std::uint16_t victim) {
    auto wire = turs(tag);
    wire.act = action;
    wire.ref_rqid = victim;
    return wire;
}

/// A daemon's work on the ring step by step, in the order in which the queue does it.
class SteppedDaemon {
  public:
    SteppedDaemon(ring::SharedPage page, Journal& journal)
        : ring_(page, journal.position()), journal_(journal) {}

    void take(unsigned slot) {
        step([this, slot] {
            auto& blank = journal_.blank(slot);
            ring_.take(blank);
            tags_[slot] = blank.rqid;
        });
        step([this, slot] { journal_.record(slot, ring_.position().req_cons - 1); });
    }
    void answer(std::initializer_list<unsigned> slots) {
        for (const unsigned slot : slots) {
            step([this, slot] {
                ring_.put(ring::make_response(ring::GuestTag{tags_[slot]}, 0, 0, {}, 0));
            });
            step([this, slot] { journal_.answered(slot, ring_.position().rsp_prod - 1); });
        }
        step([this] { journal_.commit(ring_.position().rsp_prod); });
        step([this] { (void)ring_.publish(); });
    }
    [[nodiscard]] std::size_t steps() const { return steps_.size(); }
    void run(std::size_t count) {
        for (std::size_t i = 0; i < count; ++i)
            steps_[i]();
    }

  private:
    void step(std::function<void()> work) { steps_.push_back(std::move(work)); }

    ring::BackRing ring_;
    Journal& journal_;
    std::array<std::uint16_t, ring::ring_size> tags_{};
    std::vector<std::function<void()>> steps_;
};

/// Answers what the dead daemon left and what is still on the ring, in slots of its own choice.
void finish_all(ring::SharedPage page, Journal& journal) {
    ring::BackRing ring(page, journal.position());
    ring.take_over();
    std::vector<std::uint16_t> tags;
    for (const auto& open : journal.open_requests())
        tags.push_back(open.request.rqid);
    const auto waiting = ring.available();
    REQUIRE(waiting);
    for (unsigned i = 0; i < *waiting; ++i) {
        ring::WireRequest wire;
        ring.take(wire);
        tags.push_back(wire.rqid);
    }
    for (const auto tag : tags)
        ring.put(ring::make_response(ring::GuestTag{tag}, 0, 0, {}, 0));
    (void)ring.publish();
}

/// Waits until the target has `count` commands; fails if it gets more.
void expect_held(QueueBed& bed, test::HeldTarget& target, std::size_t count) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    std::size_t held = 0;
    while (held < count && std::chrono::steady_clock::now() < deadline)
        bed.run([&] { held = target.held.size(); });
    REQUIRE(held == count);
}

std::string journal_path() {
    return QueueBed::journal_path() + ".steps";
}

/// Two rounds through slots that are used again, out of order; dies after `steps` of them.
/// Returns how many steps there are.
std::size_t live_and_die(std::size_t steps, std::uint32_t start) {
    const auto page = std::make_unique<test::Page>();
    ring::SharedPage shared(*page);
    // As if the ring had been in use for long.
    for (const std::size_t offset : {0, 8})
        std::memcpy(page->data() + offset, &start, sizeof start);
    ring::FrontRing front(shared, start);
    for (std::uint16_t tag = 1; tag <= 6; ++tag)
        front.put(turs(tag));
    (void)front.publish();

    std::size_t all = 0;
    {
        const auto journal = Journal::create(journal_path(), {start, start});
        SteppedDaemon daemon(shared, *journal);
        daemon.take(0), daemon.take(1), daemon.take(2), daemon.take(3);
        daemon.answer({2, 0});
        daemon.take(0), daemon.take(2);
        daemon.answer({3, 1, 2});
        all = daemon.steps();
        daemon.run(std::min(steps, all));
    }
    auto journal = Journal::reopen(journal_path());
    REQUIRE(journal);
    finish_all(shared, **journal);

    std::multiset<std::uint16_t> answered;
    const auto waiting = front.available();
    REQUIRE(waiting);
    for (unsigned i = 0; i < *waiting; ++i) {
        ring::WireResponse response;
        front.take(response);
        answered.insert(response.rqid);
    }
    CHECK(answered == std::multiset<std::uint16_t>{1, 2, 3, 4, 5, 6});
    ::unlink(journal_path().c_str());
    return all;
}

} // namespace

TEST_CASE("whenever the daemon dies, each request is answered once") {
    const std::uint32_t start = GENERATE(0u, 0xffff'fffdu);
    std::size_t all = 1;
    for (std::size_t steps = 0; steps <= all; ++steps) {
        INFO("dies after step " << steps);
        all = live_and_die(steps, start);
    }
    CHECK(all > 20);
}

TEST_CASE("responses that the dead daemon had not published yet are seen") {
    const auto page = std::make_unique<test::Page>();
    ring::SharedPage shared(*page);
    ring::FrontRing front(shared);
    front.put(turs(7));
    (void)front.publish();
    {
        const auto journal = Journal::create(journal_path());
        SteppedDaemon daemon(shared, *journal);
        daemon.take(0);
        daemon.answer({0});
        daemon.run(daemon.steps() - 1);
    }
    CHECK(front.available() == 0u);
    const auto journal = Journal::reopen(journal_path());
    REQUIRE(journal);
    CHECK((*journal)->open_requests().empty());
    ring::BackRing ring(shared, (*journal)->position());
    ring.take_over();
    CHECK(front.available() == 1u);
    ::unlink(journal_path().c_str());
}

TEST_CASE("a command that any number of others has overtaken is not forgotten") {
    const std::uint32_t far = GENERATE(16u, 0x7fff'ffffu, 0x8000'0000u, 0xffff'fff0u);
    {
        const auto journal = Journal::create(journal_path());
        journal->blank(0) = turs(1);
        journal->record(0, 0); // hangs
        journal->blank(1) = turs(2);
        journal->record(1, far); // the last one of many that were answered
        journal->answered(1, far - 1);
        journal->commit(far);
    }
    const auto journal = Journal::reopen(journal_path());
    REQUIRE(journal);
    REQUIRE((*journal)->open_requests().size() == 1);
    CHECK((*journal)->open_requests()[0].request.rqid == 1);
    ::unlink(journal_path().c_str());
}

TEST_CASE("a journal that can't be trusted is not gone on with") {
    const test::TempFile file(0);
    SECTION("there is none") {
        CHECK(Journal::reopen(file.path() + ".none").error() == file.path() + ".none is not there");
    }
    SECTION("another size") {
        CHECK(Journal::reopen(file.path()).error().find("is damaged or another version's") !=
              std::string::npos);
    }
    SECTION("bytes that make no sense") {
        { const auto journal = Journal::create(file.path()); }
        const auto size = std::filesystem::file_size(file.path());
        const std::size_t offset = GENERATE(0, 8, 16, 20);
        FILE* const bytes = std::fopen(file.path().c_str(), "r+");
        REQUIRE(bytes != nullptr);
        const std::array<char, 8> nonsense{};
        const std::array<char, 4> far{'\x7f', '\x33', '\x22', '\x11'};
        std::fseek(bytes, static_cast<long>(offset), SEEK_SET);
        if (offset < 16)
            std::fwrite(nonsense.data(), nonsense.size(), 1, bytes);
        else
            std::fwrite(far.data(), far.size(), 1, bytes);
        std::fclose(bytes);
        REQUIRE(std::filesystem::file_size(file.path()) == size);
        const auto journal = Journal::reopen(file.path());
        REQUIRE(!journal);
        CHECK(journal.error().find("damaged") != std::string::npos);
    }
    SECTION("no place for it") {
        CHECK_THROWS_AS(Journal::create("/proc/pvscsi-journal"), std::system_error);
    }
}

TEST_CASE("what the dead daemon had begun is begun again, and answered once") {
    QueueBed bed;
    const auto target = bed.add_lun();
    bed.send({read10(1), read10(2)});
    expect_held(bed, *target, 2);
    bed.die();
    bed.send({read10(3)});
    target->held.clear();
    bed.take_over();
    expect_held(bed, *target, 3);
    bed.run([&] {
        for (auto* request : target->held)
            request->finish();
    });
    std::set<std::uint16_t> tags;
    for (int i = 0; i < 3; ++i)
        tags.insert(bed.response().value().rqid);
    CHECK(tags == std::set<std::uint16_t>{1, 2, 3});
    CHECK(bed.silent());
}

TEST_CASE("what must not be done twice is answered with a transport error") {
    QueueBed bed;
    const auto target = bed.add_lun();
    bed.send({turs(1), read10(2)});
    expect_held(bed, *target, 2);
    bed.die();
    target->held.clear();
    bed.take_over();
    const auto response = bed.response().value();
    CHECK(response.rqid == 1);
    CHECK(host_of(response) == 14);
    expect_held(bed, *target, 1);
    bed.run([&] { target->held.front()->finish(); });
    CHECK(bed.response().value().rqid == 2);
}

TEST_CASE("a unit with a dead daemon's commands gets none of them again") {
    QueueBed bed;
    const auto target = bed.add_lun();
    bed.send({read10(1)});
    expect_held(bed, *target, 1);
    bed.die();
    target->held.clear();
    bed.run([&] { bed.luns.all().front()->unsettled = true; });
    bed.take_over();
    CHECK(host_of(bed.response().value()) == 14);
    CHECK(target->held.empty());
}

TEST_CASE("a command that the guest was aborting is not begun again, and answered first") {
    const auto action = GENERATE(std::uint8_t{2}, std::uint8_t{3});
    QueueBed bed;
    const auto target = bed.add_lun();
    bed.send({read10(1), manage(2, action, 1), read10(3)});
    expect_held(bed, *target, 2);
    bed.die();
    target->held.clear(), target->aborted.clear(), target->resets.clear();
    bed.take_over();
    const auto victim = bed.response().value();
    CHECK(victim.rqid == 1);
    CHECK(host_of(victim) == (action == 2 ? 5 : 8));
    if (action == 3)
        bed.run([&] { target->resets.at(0)(true); });
    const auto manager = bed.response().value();
    CHECK(manager.rqid == 2);
    CHECK(manager.rslt == ring::task_management_success);
    expect_held(bed, *target, 1);
    bed.run([&] { target->held.front()->finish(); });
    CHECK(bed.response().value().rqid == 3);
}

TEST_CASE("a daemon that hands over answers what it has and takes no more") {
    QueueBed bed;
    const auto target = bed.add_lun();
    bed.send({read10(1)});
    expect_held(bed, *target, 1);
    std::atomic<bool> quiet = false;
    bed.run([&] { bed.queue->quiesce([&] { quiet = true; }); });
    bed.send({read10(2)});
    bed.run([] {});
    CHECK(!quiet);
    REQUIRE(target->held.size() == 1);
    bed.run([&] { target->held.front()->finish(); });
    CHECK(bed.response().value().rqid == 1);
    bed.run([] {});
    bed.run([] {});
    CHECK(quiet);
    CHECK(target->held.size() == 1);
    bed.die();
    target->held.clear();
    bed.take_over();
    expect_held(bed, *target, 1);
    bed.run([&] { target->held.front()->finish(); });
    CHECK(bed.response().value().rqid == 2);
}

TEST_CASE("which commands may be repeated") {
    constexpr std::uint8_t disk = 0, tape = 1, optical = 5, changer = 8, zoned = 0x14;
    const auto repeat = [](std::uint8_t type, std::initializer_list<std::uint8_t> cdb) {
        const auto wire = QueueBed::request(1, cdb);
        ring::SegmentList segments(ring::max_direct_segments);
        const auto command = ring::parse(wire, {64, true}, segments);
        REQUIRE(command);
        return may_repeat(type, command->cdb());
    };
    for (const std::uint8_t type : {disk, tape, optical, changer, zoned}) {
        CHECK(repeat(type, {0x12, 0, 0, 0, 36, 0}));
        CHECK(!repeat(type, {0x00, 0, 0, 0, 0, 0}));
        CHECK(!repeat(type, {0x03, 0, 0, 0, 18, 0}));
    }
    for (const auto opcode : {std::uint8_t{0x08}, std::uint8_t{0x0a}})
        for (const std::uint8_t type : {tape, changer, zoned})
            CHECK(!repeat(type, {opcode, 0, 0, 0, 1, 0}));
    CHECK(repeat(disk, {0x2a, 0, 0, 0, 0, 0, 0, 0, 1, 0}));
    CHECK(repeat(optical, {0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0}));
    CHECK(!repeat(optical, {0x2a, 0, 0, 0, 0, 0, 0, 0, 1, 0}));
    // COMPARE AND WRITE, PERSISTENT RESERVE OUT
    CHECK(!repeat(disk, {0x89, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0}));
    CHECK(!repeat(disk, {0x5f, 0, 0, 0, 0, 0, 0, 0, 24, 0}));
    // READ CAPACITY (16), but not what else the opcode is
    CHECK(repeat(disk, {0x9e, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 32, 0, 0}));
    CHECK(!repeat(disk, {0x9e, 0x11, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 32, 0, 0}));
    // REPORT TARGET PORT GROUPS, not REPORT TIMESTAMP
    CHECK(repeat(disk, {0xa3, 0x0a, 0, 0, 0, 0, 0, 0, 0, 32, 0, 0}));
    CHECK(!repeat(disk, {0xa3, 0x0f, 0, 0, 0, 0, 0, 0, 0, 32, 0, 0}));
}
