#include "common/base/journal_fields.hpp"

#include <catch2/catch.hpp>

using pvscsi::log::journal_fields;
using Fields = std::vector<std::string>;

TEST_CASE("the words of a line become fields") {
    CHECK(journal_fields("vhost=1/0 state=connected") ==
          Fields{"PVSCSI_VHOST=1/0", "PVSCSI_STATE=connected"});
    CHECK(journal_fields("vhost=1/0 taken over luns=2 in-flight=7") ==
          Fields{"PVSCSI_VHOST=1/0", "PVSCSI_LUNS=2", "PVSCSI_IN_FLIGHT=7"});
    CHECK(journal_fields("vhost=1/0 closing reason=\"bad ring-ref 7\"") ==
          Fields{"PVSCSI_VHOST=1/0", "PVSCSI_REASON=bad ring-ref 7"});
}

TEST_CASE("what stands in quotes makes no fields of its own") {
    CHECK(journal_fields("vhost=1/0 error=\"no a=b here\" lun=3") ==
          Fields{"PVSCSI_VHOST=1/0", "PVSCSI_ERROR=no a=b here"});
    // A device that calls itself `x" vhost=2/0 y="`.
    CHECK(journal_fields("vhost=1/0 reason=\"model x\" vhost=2/0 y=\"\"") ==
          Fields{"PVSCSI_VHOST=1/0", "PVSCSI_REASON=model x\" vhost=2/0 y=\""});
    CHECK(journal_fields("reason=\"") == Fields{"PVSCSI_REASON="});
}

TEST_CASE("what has not the form makes no field, and none comes twice") {
    CHECK(journal_fields("").empty());
    CHECK(journal_fields("ready").empty());
    CHECK(journal_fields("=x A=1 a1=2 ../a=3  b\n=4").empty());
    CHECK(journal_fields("vhost=1/0 vhost=2/0") == Fields{"PVSCSI_VHOST=1/0"});
    CHECK(journal_fields("empty= x") == Fields{"PVSCSI_EMPTY="});
    CHECK(journal_fields(std::string(33, 'k') + "=1").empty());
    std::string many;
    for (char c = 'a'; c <= 'z'; ++c)
        many += std::string(1, c) + "=1 ";
    CHECK(journal_fields(many).size() == 16);
}
