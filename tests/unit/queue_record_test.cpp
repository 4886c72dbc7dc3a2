// What the queue has a LUN's flight recorder keep.
#include "backend/flight/reader.hpp"
#include "tests/support/queue_requests.hpp"
#include "tests/support/temp_folder.hpp"

using namespace pvscsi;
using namespace pvscsi::ring;
using namespace pvscsi::test;
using backend::flight::End;
using backend::flight::Event;
using backend::flight::Kind;
using backend::flight::State;

namespace {

struct RecordBed : QueueBed {
    using QueueBed::QueueBed;

    Folder folder;
    std::string path = folder.path("x.trace");

    template <class T = HeldTarget>
    std::shared_ptr<T> add_recorded() {
        auto target = add_lun<T>();
        run([&] { luns.find({})->recorder = backend::flight::Recorder::open(path, {}, 64); });
        return target;
    }
    /// Without the daemon's beginning.
    std::vector<Event> events() {
        std::vector<Event> all;
        run([&] {
            const auto recording = backend::flight::Recording::open(path);
            REQUIRE(recording);
            all = recording->events();
        });
        all.erase(all.begin());
        return all;
    }
};

constexpr std::uint32_t data_page = 1;

} // namespace

TEST_CASE("a command is under way, then it has ended as it was answered") {
    RecordBed bed;
    const auto target = bed.add_recorded();
    auto wire = QueueBed::request(4, read_one, WireDirection::from_device, {{data_page, 0, 512}});
    wire.timeout_per_command = 60;
    bed.send({wire});
    wait_held(bed, *target, 1);
    auto events = bed.events();
    REQUIRE(events.size() == 1);
    CHECK(events[0].state == State::under_way);
    CHECK(events[0].kind == Kind::command);
    CHECK(events[0].tag == 4);
    CHECK(events[0].cdb[0] == 0x28);
    CHECK(events[0].cdb_size == 10);
    CHECK(events[0].length == 512);
    CHECK(events[0].timeout == 60);
    CHECK(events[0].direction == Direction::from_device);
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    end(bed, target->held[0], scsi::HostCode::bus_busy);
    REQUIRE(bed.response());
    events = bed.events();
    CHECK(events[0].state == State::ended);
    CHECK(events[0].host == scsi::HostCode::bus_busy);
    CHECK(events[0].ended - events[0].begun >= std::chrono::milliseconds(20));
    CHECK(events[0].residual == 512);
}

TEST_CASE("what the queue answers in the unit's place is recorded, too") {
    RecordBed bed;
    const auto target = bed.add_recorded<EchoTarget>();
    SECTION("a grant that can't be written to is an error of the command") {
        bed.send({QueueBed::request(1, read_one, WireDirection::from_device, {{999, 0, 512}})});
        REQUIRE(bed.response());
        const auto events = bed.events();
        REQUIRE(events.size() == 1);
        CHECK(events[0].host == scsi::HostCode::error);
    }
    SECTION("data-out that can't be had") {
        bed.send({QueueBed::request(1, write_one, WireDirection::to_device, {{999, 0, 512}})});
        REQUIRE(bed.response());
        const auto events = bed.events();
        REQUIRE(events.size() == 1);
        CHECK(events[0].host == scsi::HostCode::error);
        CHECK(events[0].direction == Direction::to_device);
    }
    SECTION("more than the queue depth") {
        bed.run([&] { bed.luns.find({})->queue_depth = 0; });
        bed.send({QueueBed::request(1, tur)});
        REQUIRE(bed.response());
        const auto events = bed.events();
        REQUIRE(events.size() == 1);
        CHECK(events[0].status == scsi::Status::task_set_full);
        CHECK(events[0].state == State::ended);
    }
    SECTION("an address without a unit is in nobody's record") {
        auto wire = QueueBed::request(1, tur);
        wire.lun = 9;
        bed.send({wire});
        REQUIRE(bed.response());
        CHECK(bed.events().empty());
    }
}

TEST_CASE("an ABORT that is done, and its victim") {
    RecordBed bed;
    const auto target = bed.add_recorded();
    bed.send({QueueBed::request(4, tur)});
    wait_held(bed, *target, 1);
    bed.send({manage(5, WireAction::abort, 4)});
    for (std::size_t aborted = 0; aborted == 0;)
        bed.run([&] { aborted = target->aborted.size(); });
    end(bed, target->held[0], scsi::HostCode::abort);
    REQUIRE(bed.response());
    REQUIRE(bed.response());
    const auto events = bed.events();
    REQUIRE(events.size() == 2);
    CHECK(events[0].host == scsi::HostCode::abort);
    CHECK(events[1].kind == Kind::abort);
    CHECK(events[1].victim == 4);
    CHECK(events[1].tag == 5);
    CHECK(events[1].state == State::ended);
    CHECK(events[1].end == End::answered);
}

TEST_CASE("an ABORT that is not done in time, of a unit that goes meanwhile") {
    RecordBed bed({64, true}, {std::chrono::milliseconds(50), std::chrono::milliseconds(50)});
    const auto target = bed.add_recorded();
    bed.send({QueueBed::request(4, tur)});
    wait_held(bed, *target, 1);
    bed.send({manage(5, WireAction::abort, 4)});
    SECTION("it fails, the victim stays under way") {
        REQUIRE(bed.response());
        const auto events = bed.events();
        REQUIRE(events.size() == 2);
        CHECK(events[0].state == State::under_way);
        CHECK(events[1].end == End::failed);
        end(bed, target->held[0], scsi::HostCode::ok);
        REQUIRE(bed.response());
    }
    SECTION("the victim has ended, and with it the unit, before the ABORT is answered") {
        for (std::size_t aborted = 0; aborted == 0;)
            bed.run([&] { aborted = target->aborted.size(); });
        std::weak_ptr<backend::Lun> weak;
        bed.run([&] {
            auto lun = bed.luns.remove({});
            weak = lun;
            lun->when_idle = [kept = lun] {};
        });
        end(bed, target->held[0], scsi::HostCode::abort);
        REQUIRE(bed.response());
        REQUIRE(bed.response());
        CHECK(bed.events()[1].end == End::answered);
    }
}

TEST_CASE("a RESET and what it ends") {
    RecordBed bed;
    const auto target = bed.add_recorded();
    bed.send({QueueBed::request(4, tur)});
    wait_held(bed, *target, 1);
    bed.send({manage(6, WireAction::reset)});
    for (std::size_t resets = 0; resets == 0;)
        bed.run([&] { resets = target->resets.size(); });
    end(bed, target->held[0], scsi::HostCode::reset);
    bed.run([&] { target->resets[0](false); });
    REQUIRE(bed.response());
    REQUIRE(bed.response());
    const auto events = bed.events();
    REQUIRE(events.size() == 2);
    CHECK(events[0].host == scsi::HostCode::reset);
    CHECK(events[1].kind == Kind::reset);
    CHECK(events[1].end == End::failed);
}

TEST_CASE("what ends with the connection is not answered") {
    RecordBed bed;
    const auto target = bed.add_recorded();
    bed.send({QueueBed::request(4, tur)});
    wait_held(bed, *target, 1);
    bed.run([&] { bed.queue->stop([] {}); });
    bed.stopped = true;
    end(bed, target->held[0], scsi::HostCode::abort);
    const auto events = bed.events();
    REQUIRE(events.size() == 1);
    CHECK(events[0].state == State::ended);
    CHECK(events[0].end == End::cut_short);
}

TEST_CASE("what a successor answers without repeating it is recorded as such") {
    RecordBed bed;
    const auto target = bed.add_recorded();
    bed.send({QueueBed::request(4, {0x0a, 0, 0, 0, 1, 0}), manage(5, WireAction::abort, 4)});
    wait_held(bed, *target, 1);
    bed.die();
    bed.take_over();
    REQUIRE(bed.response());
    REQUIRE(bed.response());
    const auto events = bed.events();
    const auto told = std::find_if(events.begin(), events.end(), [](const Event& event) {
        return event.kind == Kind::command && event.state == State::ended;
    });
    REQUIRE(told != events.end());
    CHECK(told->host == scsi::HostCode::abort);
}
