// What a device says once is told to each guest that has it, once; a reset is never silent.
#include "tests/support/attention_bed.hpp"
#include "tests/support/temp_folder.hpp"

#include <atomic>
#include <thread>

using namespace pvscsi;
using backend::Attentions;
using backend::NexusTarget;
using backend::SharedUnit;
using scsi::Condition;
using scsi::SenseKey;
using namespace pvscsi::test;
namespace condition = scsi::condition;

namespace {

const Bytes mode_select{0x15, 0x10, 0, 0, 0, 0};

} // namespace

TEST_CASE("unit attentions wait in their order, each once, and resets are one") {
    Attentions waiting;
    CHECK(waiting.take() == condition::none);
    for (const auto& attention :
         {condition::capacity_changed, condition::medium_changed, condition::capacity_changed,
          condition::unit_was_reset, condition::microcode_changed, condition::some_reset})
        waiting.add(attention);
    CHECK(waiting.take() == condition::some_reset);
    CHECK(waiting.take() == condition::microcode_changed);
    CHECK(waiting.take() == condition::medium_changed);
    CHECK(waiting.take() == condition::capacity_changed);
    CHECK(waiting.empty());

    SECTION("what has been told does not wait, nor another reset than that") {
        waiting.add(condition::unit_was_reset);
        waiting.add(condition::medium_changed);
        waiting.remove(condition::internal_reset);
        waiting.remove(condition::capacity_changed);
        CHECK(waiting.take() == condition::medium_changed);
        CHECK(waiting.empty());
    }
    SECTION("what matters least is lost when there are too many") {
        for (unsigned i = 0; i < 2 * Attentions::most; ++i)
            waiting.add({SenseKey::unit_attention, 0x5d, static_cast<std::uint8_t>(i)});
        waiting.add(condition::unit_was_reset);
        CHECK(waiting.all().size() == Attentions::most);
        CHECK(waiting.take() == condition::unit_was_reset);
        CHECK(waiting.take() == Condition{SenseKey::unit_attention, 0x5d, 0x00});
    }
}

TEST_CASE("what the device says to one guest is told to each other one, once") {
    AttentionBed bed;
    TargetHost &a = bed.guest(), &b = bed.guest(), &c = bed.guest();
    const auto news = GENERATE(values<Condition>(
        {condition::medium_changed, condition::some_reset, condition::capacity_changed,
         condition::registrations_preempted, Condition{SenseKey::unit_attention, 0x3f, 0x0e}}));
    bed.device.says = {news};
    CHECK(says(b, news));
    CHECK(says(a, news));
    const auto sent = bed.device.commands.size();
    CHECK(says(c, news));
    CHECK(bed.device.commands.size() == sent); // its command was not executed
    for (TargetHost* guest : {&a, &b, &c})
        CHECK(guest->none(test_unit_ready).good());
}

TEST_CASE("what one guest is to know is told to no other, and not again if the device says it") {
    AttentionBed bed;
    TargetHost &a = bed.guest(), &b = bed.guest();
    a.target().tell(condition::capacity_changed);
    CHECK(b.none(test_unit_ready).good());
    CHECK(a.in(inquiry, 36).good());
    CHECK(says(a, condition::capacity_changed));
    CHECK(a.none(test_unit_ready).good());
    a.target().tell(condition::capacity_changed);
    bed.device.says = {condition::capacity_changed};
    CHECK(says(b, condition::capacity_changed));
    CHECK(says(a, condition::capacity_changed));
    CHECK(a.none(test_unit_ready).good());
}

TEST_CASE("what is no unit attention is nobody else's matter") {
    AttentionBed bed;
    TargetHost &a = bed.guest(), &b = bed.guest();
    bed.device.says = {condition::unrecovered_read};
    CHECK(says(a, condition::unrecovered_read));
    CHECK(b.none(test_unit_ready).good());
}

TEST_CASE("INQUIRY passes a unit attention, REQUEST SENSE fetches it") {
    AttentionBed bed;
    TargetHost &a = bed.guest(), &b = bed.guest();
    bed.device.says = {condition::medium_changed};
    CHECK(says(a, condition::medium_changed));
    CHECK(b.in(inquiry, 36).good());
    SECTION("in fixed format") {
        const auto answer = b.in({0x03, 0, 0, 0, 252, 0}, 252);
        CHECK(answer.good());
        CHECK(answer.data.size() == 18);
        CHECK(scsi::Sense::from_bytes(answer.data).asc() == 0x28);
    }
    SECTION("in descriptor format") {
        const auto answer = b.in({0x03, 1, 0, 0, 252, 0}, 252);
        CHECK(answer.data == Bytes{0x72, 6, 0x28, 0, 0, 0, 0, 0});
    }
    SECTION("as much as there is room for") {
        CHECK(b.in({0x03, 0, 0, 0, 4, 0}, 252).data.size() == 4);
    }
    CHECK(b.none(test_unit_ready).good());
}

TEST_CASE("a unit attention that one guest has by REQUEST SENSE is news to the others") {
    AttentionBed bed;
    TargetHost &a = bed.guest(), &b = bed.guest();
    const scsi::Sense sense = scsi::sense_of(condition::medium_changed);
    bed.device.sense_data.assign(sense.bytes().begin(), sense.bytes().end());
    CHECK(a.in({0x03, 0, 0, 0, 252, 0}, 252).good());
    CHECK(says(b, condition::medium_changed));
    SECTION("one about an earlier command is not") {
        bed.device.sense_data[0] = 0x71;
        CHECK(a.in({0x03, 0, 0, 0, 252, 0}, 252).good());
        CHECK(b.none(test_unit_ready).good());
    }
    CHECK(a.none(test_unit_ready).good());
}

TEST_CASE("what one guest changes for all, the others are told") {
    struct Row {
        std::uint8_t type;
        Bytes cdb;
        Condition news;
    };
    Bytes write_buffer(10), set_timestamp(12), set_groups(12), security(12), log_select(10);
    write_buffer[0] = 0x3b, write_buffer[1] = 0x05;
    set_timestamp[0] = set_groups[0] = 0xa4, set_timestamp[1] = 0x0f, set_groups[1] = 0x0a;
    security[0] = 0xb5, security[1] = 0x20;
    log_select[0] = 0x4c;
    const auto row = GENERATE_COPY(
        Row{0, mode_select, condition::mode_parameters_changed},
        Row{0, Bytes{0x55, 0x10, 0, 0, 0, 0, 0, 0, 0, 0}, condition::mode_parameters_changed},
        Row{0, log_select, condition::log_parameters_changed},
        Row{0, Bytes{0x04, 0, 0, 0, 0, 0}, condition::capacity_changed},
        Row{5, Bytes{0x1b, 0, 0, 0, 3, 0}, condition::medium_changed},
        Row{1, Bytes{0x1b, 0, 0, 0, 1, 0}, condition::medium_changed},
        Row{0, write_buffer, condition::microcode_changed},
        Row{0, set_groups, condition::access_state_changed},
        Row{0, set_timestamp, condition::timestamp_changed},
        Row{1, security, condition::encryption_changed});
    AttentionBed bed;
    bed.device.type = row.type;
    TargetHost &a = bed.guest(), &b = bed.guest();
    CAPTURE(row.cdb, row.type);
    CHECK(a.none(row.cdb).good());
    CHECK(says(b, row.news));
    CHECK(a.none(test_unit_ready).good());
    CHECK(b.none(test_unit_ready).good());

    bed.device.says = {condition::invalid_field_in_cdb}; // and if it fails, nothing
    CHECK_FALSE(a.none(row.cdb).good());
    CHECK(b.none(test_unit_ready).good());
}

TEST_CASE("what concerns one guest alone is told to nobody") {
    const auto cdb = GENERATE(Bytes{0x1b, 0, 0, 0, 0, 0}, Bytes{0x1b, 0, 0, 0, 2, 0},
                              Bytes{0x3b, 0x02, 0, 0, 0, 0, 0, 0, 0, 0}, read_10);
    AttentionBed bed;
    TargetHost &a = bed.guest(), &b = bed.guest();
    CHECK(a.none(cdb).good());
    CHECK(b.none(test_unit_ready).good());
}

TEST_CASE("what nobody has fetched outlives the daemon") {
    const test::Folder folder;
    const std::string path = folder.path("1-0.dev-0.unit");
    Device device;
    const auto serve = [&](bool inherited) {
        auto target = std::make_unique<NexusTarget>(std::make_unique<DevicePath>(device),
                                                    SharedUnit::at("/dev/sg0"));
        target->remember_in(path, inherited);
        return std::make_unique<TargetHost>(std::move(target));
    };
    {
        auto b = serve(false);
        TargetHost a(std::make_unique<NexusTarget>(std::make_unique<DevicePath>(device),
                                                   SharedUnit::at("/dev/sg0")));
        device.says = {condition::medium_changed, condition::capacity_changed};
        CHECK(says(a, condition::medium_changed));
        CHECK(says(a, condition::capacity_changed));
    }
    SECTION("and is told by the next one") {
        auto b = serve(true);
        CHECK(says(*b, condition::medium_changed));
        CHECK(says(*b, condition::capacity_changed));
        CHECK(b->none(test_unit_ready).good());
    }
    SECTION("a connection that begins anew has nothing of it") {
        CHECK(serve(false)->none(test_unit_ready).good());
    }
    SECTION("what is lost is said to be") {
        std::filesystem::remove(path);
        CHECK(says(*serve(true), condition::internal_reset));
    }
    SECTION("news that came before all were back are told to the late") {
        std::filesystem::remove(path);
        serve(false).reset();
        TargetHost a(std::make_unique<NexusTarget>(std::make_unique<DevicePath>(device),
                                                   SharedUnit::at("/dev/sg0")));
        device.says = {condition::mode_parameters_changed};
        CHECK(says(a, condition::mode_parameters_changed));
        CHECK(says(*serve(true), condition::mode_parameters_changed));
    }
}

TEST_CASE("guests on threads of their own are told by each other") {
    const auto unit = SharedUnit::at("/dev/sg0");
    constexpr unsigned rounds = 2000;
    std::atomic<unsigned> heard{0};
    std::atomic<bool> ended{false};
    std::thread other([&] {
        Device device;
        TargetHost b(std::make_unique<NexusTarget>(std::make_unique<DevicePath>(device), unit));
        while (!ended || heard == 0)
            if (!b.none(test_unit_ready).good())
                ++heard;
    });
    Device device;
    TargetHost a(std::make_unique<NexusTarget>(std::make_unique<DevicePath>(device), unit));
    for (unsigned i = 0; i < rounds || heard == 0; ++i)
        CHECK(a.none(mode_select).good());
    ended = true;
    other.join();
    CHECK(heard > 0);
}
