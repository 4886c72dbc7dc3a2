// The policy before a unit: what is answered, what is passed, what is counted and told.
#include "backend/policy/target.hpp"
#include "backend/statistics.hpp"
#include "tests/support/policy_cdb.hpp"
#include "tests/support/target_host.hpp"

#include <catch2/catch.hpp>

using namespace pvscsi;
using namespace pvscsi::backend;
using Catch::Contains;
using scsi::SenseKey;
using test::Bytes;

namespace {

/// Takes everything.
class Device final : public Target {
  public:
    Step start(Request& request) noexcept override {
        ++seen;
        if (request.direction() != ring::Direction::to_device || request.length() == 0)
            return Step::done;
        request.want_data(request.buffer(request.length()));
        return Step::need_data;
    }
    Step resume(Request& request) noexcept override {
        ++with_data;
        request.outcome.consumed = request.length();
        return Step::done;
    }
    void drop(Request& /*request*/) noexcept override { ++dropped; }
    [[nodiscard]] std::uint8_t device_type() const noexcept override { return type; }
    [[nodiscard]] bool passes_through() const noexcept override { return real; }

    std::uint8_t type = 0;
    bool real = true;
    unsigned seen = 0, with_data = 0, dropped = 0;
};

struct Bed {
    explicit Bed(const std::string& choice, const std::vector<config::OwnPolicy>& own = {},
                 bool real = true) {
        auto owned = std::make_unique<Device>();
        owned->real = real;
        device = owned.get();
        host = std::make_unique<test::TargetHost>(
            policy::apply_policy(std::move(owned), choice, own, false, ""));
        host->target().on_notice = [this](const std::string& line) { lines.push_back(line); };
    }
    Device* device = nullptr;
    std::unique_ptr<test::TargetHost> host;
    std::vector<std::string> lines;
};

const Bytes test_unit_ready{0, 0, 0, 0, 0, 0};
const Bytes vendors{0xc1, 0, 0, 0, 0, 0, 0, 0, 0, 0};
const Bytes set_ports{0xa4, 0x0a, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0};
const Bytes mode_select{0x15, 0x10, 0, 0, 8, 0};
const Bytes of_port{0, 0, 0, 0, 0x19, 2, 0, 0};
const Bytes of_cache{0, 0, 0, 0, 0x08, 2, 0, 0};

} // namespace

TEST_CASE("what is refused the device never sees") {
    Bed bed("");
    CHECK(bed.host->none(vendors).is(SenseKey::illegal_request, 0x20, 0x00));
    CHECK(bed.host->out(set_ports, Bytes(8)).is(SenseKey::illegal_request, 0x24, 0x00));
    CHECK(bed.device->seen == 0);
    CHECK(bed.host->none(test_unit_ready).good());
    CHECK(bed.device->seen == 1);
}

TEST_CASE("a parameter list is looked at before the device gets it") {
    Bed bed("");
    const auto answer = bed.host->out(mode_select, of_port);
    CHECK(answer.is(SenseKey::illegal_request, 0x26, 0x00));
    CHECK(answer.sense.bytes()[15] == 0x80); // in the list
    CHECK(answer.sense.bytes()[17] == 4);
    CHECK(bed.device->with_data == 0);
    CHECK(bed.device->dropped == 1);
    CHECK(bed.host->out(mode_select, of_cache).good());
    CHECK(bed.device->with_data == 1);
}

TEST_CASE("audit: all passes, and is told all the same") {
    Bed bed("audit:default");
    CHECK(bed.host->none(vendors).good());
    CHECK(bed.host->out(set_ports, Bytes(8)).good());
    CHECK(bed.host->out(mode_select, of_port).good());
    CHECK(bed.device->seen == 3);
    CHECK(bed.device->with_data == 2);
    bed.host->target().keep_house();
    REQUIRE(bed.lines.size() == 3);
    CHECK_THAT(bed.lines[0], Contains("policy=default would refuse opcode=c1"));
    CHECK_THAT(bed.lines[1], Contains("SET TARGET PORT GROUPS") && Contains("class=ports"));
    CHECK_THAT(bed.lines[2], Contains("the parameter list of opcode=15"));
}

TEST_CASE("refusals are told once for each kind, and no more than there is room for") {
    Bed bed("");
    for (unsigned i = 0; i < 100; ++i)
        bed.host->none(vendors);
    for (unsigned opcode = 0xd0; opcode < 0xf0; ++opcode)
        bed.host->none({static_cast<std::uint8_t>(opcode), 0, 0, 0, 0, 0, 0, 0, 0, 0});
    CHECK(bed.lines.empty()); // not on the way of I/O
    bed.host->target().keep_house();
    REQUIRE(bed.lines.size() == policy::Notes::most + 1);
    CHECK(bed.lines[0] == "policy=default refuses opcode=c1 action=00 (not known) class=vendor "
                          "times=100");
    CHECK(bed.lines.back() == "policy=default refuses other commands times=25");
    bed.lines.clear();
    bed.host->target().keep_house();
    CHECK(bed.lines.empty());
}

TEST_CASE("refused and noted commands are counted") {
    for (const bool audit : {false, true}) {
        Bed bed(audit ? "audit:default" : "default");
        LunCounters counters;
        count(counters, bed.host->send(vendors, {}).request());
        count(counters, bed.host->send(test_unit_ready, {}).request());
        CHECK(counters.commands == 2);
        CHECK(counters.policy_refused == (audit ? 0 : 1));
        CHECK(counters.policy_noted == (audit ? 1 : 0));
        CHECK(counters.check_conditions == (audit ? 0 : 1));
    }
}

TEST_CASE("a unit of ours has a policy only if it is asked for") {
    CHECK(Bed("", {}, false).host->none(vendors).good());
    CHECK_FALSE(Bed("default", {}, false).host->none(vendors).good());
}

TEST_CASE("a policy that does not fit is said when the unit is opened") {
    CHECK_THROWS_WITH(Bed("nonsense"), Contains("there is no policy 'nonsense'") &&
                                           Contains("expected one of default"));
    CHECK_THROWS_WITH(Bed("tape"),
                      Contains("policy 'tape' is for devices of another type") && Contains("00h"));
    CHECK_NOTHROW(Bed("disk"));
    CHECK_NOTHROW(Bed("san-admin"));
}
