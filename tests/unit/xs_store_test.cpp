// The store client without a store: opening fails with a reason and leaves the environment alone.
#include "common/hypervisor/xs_store.hpp"

#include <catch2/catch.hpp>

#include <cstdlib>

using namespace pvscsi::hv;

TEST_CASE("a missing socket is an error that names it") {
    ::setenv("XENSTORED_PATH", "/before", 1);
    try {
        XsStore store("/nonexistent/xenstored");
        FAIL("connected to nothing");
    } catch (const std::system_error& error) {
        CHECK(error.code() == std::errc::no_such_file_or_directory);
        CHECK(std::string(error.what()).find("/nonexistent/xenstored") != std::string::npos);
    }
    CHECK(std::string(std::getenv("XENSTORED_PATH")) == "/before");

    ::unsetenv("XENSTORED_PATH");
    CHECK_THROWS_AS(XsStore("/nonexistent/xenstored"), std::system_error);
    CHECK(std::getenv("XENSTORED_PATH") == nullptr);
}
