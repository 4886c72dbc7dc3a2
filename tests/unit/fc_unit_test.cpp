// Units behind Fibre Channel ports, found by the names of both ports and the LUN.
#include "backend/npiv/fc_unit.hpp"
#include "tests/support/fake_fc.hpp"

#include <catch2/catch.hpp>

using namespace pvscsi;
using namespace pvscsi::backend::npiv;
using Catch::Contains;

namespace {

const std::string port_a = "5001438000000001:5001438000000000";
const std::string port_b = "5001438000000003:5001438000000002";
const std::string guest = "2100000000000001:2000000000000001";
const std::string target = "5005076800000001:5005076800000000";
const std::string other_target = "5005076800000002:5005076800000000";

std::string find(const test::FakeFc& fc, const std::string& pdev) {
    const auto found = find_fc_unit(fc.tree(), fc_unit_name(config::parse_pdev(pdev).value()));
    return found ? found->node + " " + found->address
                 : found.error().reason + "; expected " + found.error().remedy;
}

} // namespace

TEST_CASE("a unit is found behind the port that is named, and behind no other") {
    test::FakeFc fc;
    fc.add_port(1, port_a);
    fc.make_vport(1, guest);
    const unsigned host = fc.host_of("2100000000000001");
    // Numbered as it comes: neither order nor number says anything.
    fc.add_unit(fc.add_remote(1, other_target, 0), 5, "sg9");
    fc.add_unit(fc.add_remote(1, target, 4), 5, "sg0");
    fc.add_remote(host, "2001000dec000001:2001000dec000000", -1, "Directory Server");
    fc.add_unit(fc.add_remote(host, other_target, 1), 5, "sg1");
    const std::string rport = fc.add_remote(host, target, 7);
    fc.add_unit(rport, 5, "sg2");
    fc.add_unit(rport, 6, "sg3");
    const std::string own = std::to_string(host);
    CHECK(find(fc, "fc.5005076800000001:5@2100000000000001") == "/dev/sg2 " + own + ":0:7:5");
    CHECK(find(fc, "fc.5005076800000001:6@2100000000000001") == "/dev/sg3 " + own + ":0:7:6");
    CHECK(find(fc, "fc.5005076800000002:5@2100000000000001") == "/dev/sg1 " + own + ":0:1:5");
    CHECK(find(fc, "fc.5005076800000001:5@5001438000000001") == "/dev/sg0 1:0:4:5");
    // Without a port: the host's own, never one of a guest's.
    CHECK(find(fc, "fc.5005076800000001:5") == "/dev/sg0 1:0:4:5");
    CHECK_THAT(find(fc, "fc.5005076800000001:6"), Contains("shows this port no LUN 6"));
    // What does not answer now is there all the same, until the kernel gives it up.
    fc.set_remote_state(rport, "Blocked");
    CHECK(find(fc, "fc.5005076800000001:5@2100000000000001") == "/dev/sg2 " + own + ":0:7:5");
    CHECK_THAT(find(fc, "fc.5005076800000001:9@2100000000000001"), Contains("(Blocked) shows"));
}

TEST_CASE("a LUN is found as the kernel numbers flat addresses, and not for another one") {
    test::FakeFc fc;
    fc.add_port(1, port_a);
    const std::string rport = fc.add_remote(1, target);
    fc.add_unit(rport, 0x4000 | 300, "sg1");
    fc.add_unit(rport, 16383, "sg2");
    fc.add_unit(rport, 0x4000 | 7, "sg3");
    fc.add_unit(rport, 7, "sg4");
    CHECK(find(fc, "fc.5005076800000001:300") == "/dev/sg1 1:0:0:16684");
    CHECK(find(fc, "fc.5005076800000001:16383") == "/dev/sg2 1:0:0:16383");
    CHECK(find(fc, "fc.5005076800000001:7") == "/dev/sg4 1:0:0:7");
}

TEST_CASE("how far the way leads is told") {
    test::FakeFc fc;
    CHECK_THAT(find(fc, "fc.5005076800000001:0"), Contains("no Fibre Channel port"));
    CHECK_THAT(find(fc, "fc.5005076800000001:0@2100000000000001"),
               Contains("no port with the name 2100000000000001"));
    fc.add_port(1, port_a);
    fc.make_vport(1, guest);
    const unsigned host = fc.host_of("2100000000000001");
    const std::string wanted = "fc.5005076800000001:0@2100000000000001";
    CHECK_THAT(find(fc, wanted),
               Contains("target port 5005076800000001 is not to be seen") && Contains("in a zone"));
    std::string rport = fc.add_remote(host, target, -1, "FCP Initiator");
    CHECK_THAT(find(fc, wanted), Contains("has no units for this port (FCP Initiator)"));
    fc.remove_remote(rport);
    // The role alone is no proof: the kernel may have no number for it.
    rport = fc.add_remote(host, target, -1);
    CHECK_THAT(find(fc, wanted), Contains("has no units for this port (FCP Target"));
    fc.remove_remote(rport);
    rport = fc.add_remote(host, target, 0);
    CHECK_THAT(find(fc, wanted), Contains("(Online) shows this port no LUN 0"));
    fc.add_unit(rport, 0, "");
    CHECK_THAT(find(fc, wanted), Contains("the unit has no sg node"));
    fc.remove_unit(rport, 0);
    fc.add_unit(rport, 0, "sg1");
    CHECK_THAT(find(fc, wanted), Catch::StartsWith("/dev/sg1 "));
    fc.remove_vport("2100000000000001");
    CHECK_THAT(find(fc, wanted), Contains("no port with the name"));
}

TEST_CASE("of several paths none is chosen") {
    test::FakeFc fc;
    fc.add_port(1, port_a);
    fc.add_port(2, port_b);
    fc.add_unit(fc.add_remote(1, target), 0, "sg1");
    fc.add_unit(fc.add_remote(2, target), 0, "sg2");
    CHECK_THAT(find(fc, "fc.5005076800000001:0"),
               Contains("several paths lead to this unit: /dev/sg1, /dev/sg2") &&
                   Contains("@<16hex>"));
    CHECK(find(fc, "fc.5005076800000001:0@5001438000000003") == "/dev/sg2 2:0:0:0");
}

TEST_CASE("a port of the fabric that is known twice is the one that has the unit") {
    test::FakeFc fc;
    fc.add_port(1, port_a);
    const std::string old = fc.add_remote(1, target, -1, "unknown");
    fc.set_remote_state(old, "Not Present");
    fc.add_unit(fc.add_remote(1, target, 1), 0, "sg1");
    CHECK(find(fc, "fc.5005076800000001:0") == "/dev/sg1 1:0:1:0");
}
