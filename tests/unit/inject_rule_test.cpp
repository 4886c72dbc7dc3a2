// Which commands a rule of `pvscsictl inject` is for, and what is no rule.
#include "backend/inject/rule.hpp"

#include <catch2/catch.hpp>

#include <vector>

using namespace pvscsi;
using backend::inject::Rule;
using Bytes = std::vector<std::uint8_t>;

namespace {

const Bytes tur(6);
const Bytes read10{0x28, 0, 0, 0, 0, 100, 0, 0, 8, 0}; // blocks 100 to 107
const Bytes write10{0x2a, 0, 0, 0, 0, 100, 0, 0, 8, 0};

Rule rule(std::string_view text) {
    auto parsed = Rule::parse(text);
    if (!parsed)
        FAIL(parsed.error());
    return std::move(*parsed);
}

bool fits(std::string_view text, const Bytes& bytes) {
    const auto cdb = ring::Cdb::make(bytes);
    REQUIRE(cdb);
    return rule(std::string(text) + (text.empty() ? "" : ",") + "drop").fits(*cdb);
}

} // namespace

TEST_CASE("which commands a rule is for") {
    CHECK(fits("", tur));
    CHECK(fits("opcode=0x28", read10));
    CHECK(fits("opcode=40", read10));
    CHECK(fits("opcode=read_10", read10));
    CHECK(fits("opcode=READ(10)", read10));
    CHECK(fits("opcode=read", read10));
    CHECK(fits("opcode=read,opcode=write", write10));
    CHECK_FALSE(fits("opcode=write", read10));
    CHECK_FALSE(fits("opcode=read_16", read10));
    CHECK(fits("opcode=0xc1", {0xc1, 0, 0, 0, 0, 0, 0, 0, 0, 0}));
    CHECK(fits("opcode=0x9e,service-action=0x10",
               {0x9e, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 32, 0, 0}));
    CHECK_FALSE(
        fits("service-action=0x10", {0x9e, 0x12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 32, 0, 0}));
    CHECK(fits("lba=107", read10));
    CHECK(fits("lba=0-100", read10));
    CHECK(fits("lba=0-0xffffffffffffffff", read10));
    CHECK_FALSE(fits("lba=108", read10));
    CHECK_FALSE(fits("lba=0-99", read10));
    CHECK_FALSE(fits("lba=0-0xffffffffffffffff", tur));
    // The end of the address space.
    Bytes last(16, 0xff);
    last[0] = 0x88;
    CHECK(fits("lba=0xffffffffffffffff", last));
    CHECK_FALSE(fits("lba=0", last));
}

TEST_CASE("a rule that makes no sense is refused with the reason") {
    const auto [text, said] = GENERATE(table<std::string, std::string>({
        {"", "1 to 256 characters"},
        {std::string(257, 'x'), "1 to 256 characters"},
        {"opcode=read", "nothing happens"},
        {"opcode=reed,drop",
         "'opcode=reed' in 'opcode=reed,drop': expected a number to 0xff or a name"},
        {"opcode=,drop", "expected a number"},
        {"opcode=256,drop", "expected a number"},
        {"opcode,drop", "expected a number"},
        {"opcode=?,drop", "expected a number"},
        {"service-action=32,drop", "to 0x1f"},
        {"lba=,drop", "FIRST"},
        {"lba=9-8,drop", "FIRST"},
        {"lba=1-2-3,drop", "FIRST"},
        {"lba=-1,drop", "FIRST"},
        {"count=0,drop", "at least 1"},
        {"skip=x,drop", "expected a number"},
        {"probability=0,drop", "at most 1"},
        {"probability=1.5,drop", "at most 1"},
        {"probability=nan,drop", "at most 1"},
        {"delay=0", "1 to 600000"},
        {"delay=600001", "1 to 600000"},
        {"drop=1", "takes no value"},
        {"drops", "expected opcode="},
        {"drop,", "expected opcode="},
        {"sense=3/11", "KEY/ASC/ASCQ"},
        {"sense=10/11/00", "KEY/ASC/ASCQ"},
        {"sense=3/111/00", "KEY/ASC/ASCQ"},
        {"sense=3/11/0x0", "KEY/ASC/ASCQ"},
        {"status=2", "but 2"},
        {"status=check-condition", "but 2"},
        {"status=0", "from 1"},
        {"status=?", "from 1"},
        {"host=0", "host code"},
        {"host=ok", "host code"},
        {"host=99", "host code"},
        {"short=0", "at least 1"},
        {"drop,status=busy", "only one of"},
        {"sense=3/11/00,host=error", "only one of"},
        {"drop,delay=1", "neither late nor short"},
        {"host=error,short=1", "is not short"},
    }));
    INFO(text);
    const auto parsed = Rule::parse(text);
    REQUIRE_FALSE(parsed);
    INFO(parsed.error());
    CHECK(parsed.error().find(said) != std::string::npos);
}
