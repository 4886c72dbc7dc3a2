// A daemon dies at any point of its work on the ring, and the next one goes on with what it finds
// there and in the journal: every request is answered once.
#include "tests/support/queue_bed.hpp"
#include "tests/support/stepped_daemon.hpp"
#include "tests/support/temp_file.hpp"

#include <algorithm>
#include <filesystem>
#include <set>

using namespace pvscsi;
using namespace pvscsi::backend;
using test::QueueBed;
using test::SteppedDaemon;

namespace {

ring::WireRequest turs(std::uint16_t tag) {
    return QueueBed::request(tag, {0, 0, 0, 0, 0, 0});
}

std::string journal_path() {
    return QueueBed::journal_path() + ".steps";
}

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
