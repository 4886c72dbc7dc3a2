// The store server's wire protocol, by raw bytes on its socket: payloads, operations, messages.
#include "tests/support/raw_store_client.hpp"

#include <catch2/catch.hpp>

extern "C" {
#include <xen/io/xs_wire.h>
}

using namespace pvscsi;
using namespace pvscsi::hv::host;
using namespace pvscsi::test;
using Op = StoreOperation;

namespace {
constexpr DomId guest{7};
} // namespace

TEST_CASE("our numbers are those of Xen's header") {
    CHECK(static_cast<unsigned>(Op::control) == XS_CONTROL);
    CHECK(static_cast<unsigned>(Op::directory) == XS_DIRECTORY);
    CHECK(static_cast<unsigned>(Op::read) == XS_READ);
    CHECK(static_cast<unsigned>(Op::get_permissions) == XS_GET_PERMS);
    CHECK(static_cast<unsigned>(Op::watch) == XS_WATCH);
    CHECK(static_cast<unsigned>(Op::unwatch) == XS_UNWATCH);
    CHECK(static_cast<unsigned>(Op::transaction_start) == XS_TRANSACTION_START);
    CHECK(static_cast<unsigned>(Op::transaction_end) == XS_TRANSACTION_END);
    CHECK(static_cast<unsigned>(Op::introduce) == XS_INTRODUCE);
    CHECK(static_cast<unsigned>(Op::release) == XS_RELEASE);
    CHECK(static_cast<unsigned>(Op::get_domain_path) == XS_GET_DOMAIN_PATH);
    CHECK(static_cast<unsigned>(Op::write) == XS_WRITE);
    CHECK(static_cast<unsigned>(Op::mkdir) == XS_MKDIR);
    CHECK(static_cast<unsigned>(Op::remove) == XS_RM);
    CHECK(static_cast<unsigned>(Op::set_permissions) == XS_SET_PERMS);
    CHECK(static_cast<unsigned>(Op::watch_event) == XS_WATCH_EVENT);
    CHECK(static_cast<unsigned>(Op::error) == XS_ERROR);
    CHECK(static_cast<unsigned>(Op::is_domain_introduced) == XS_IS_DOMAIN_INTRODUCED);
    CHECK(static_cast<unsigned>(Op::resume) == XS_RESUME);
    CHECK(static_cast<unsigned>(Op::set_target) == XS_SET_TARGET);
    CHECK(static_cast<unsigned>(Op::reset_watches) == XS_RESET_WATCHES);
    CHECK(static_cast<unsigned>(Op::directory_part) == XS_DIRECTORY_PART);
    CHECK(store_header_size == sizeof(xsd_sockmsg));
    CHECK(max_store_payload == XENSTORE_PAYLOAD_MAX);
}

TEST_CASE("payloads that are not as they should be are EINVAL") {
    StoreHost host;
    RawStoreClient client(host, DomId{0});
    const std::string no_end = "/a";
    for (const Op op : {Op::directory, Op::read, Op::mkdir, Op::remove, Op::get_permissions}) {
        CHECK(client.error(op, "") == "EINVAL");
        CHECK(client.error(op, no_end) == "EINVAL");
        CHECK(client.error(op, nul({"/a", "/b"})) == "EINVAL");
    }
    CHECK(client.error(Op::write, no_end) == "EINVAL");
    CHECK(client.error(Op::write, nul({"/a"}) + "value\0more") == "");
    for (const auto* permission : {"", "r", "x0", "r-1", "r65536", "rw0", "r0 ", "r0x10"})
        CHECK(client.error(Op::set_permissions, nul({"/a", permission})) == "EINVAL");
    CHECK(client.error(Op::set_permissions, nul({"/a"})) == "EINVAL");
    CHECK(client.error(Op::set_permissions, "/a") == "EINVAL");
    CHECK(client.error(Op::set_permissions, nul({"/a", "r0", "b0"})) == "");
    for (const Op op : {Op::watch, Op::unwatch}) {
        CHECK(client.error(op, nul({"/a"})) == "EINVAL");
        CHECK(client.error(op, nul({"/a", "b", "c"})) == "EINVAL");
    }
    for (const auto* offset : {"", "-1", "x", "99999999999999999999999"})
        CHECK(client.error(Op::directory_part, nul({"/", offset})) == "EINVAL");
    CHECK(client.error(Op::directory_part, nul({"/"})) == "EINVAL");
    CHECK(client.error(Op::transaction_end, nul({"X"})) == "EINVAL");
    for (const auto* domain : {"", "x", "-1", "65536", "1 "})
        for (const Op op : {Op::get_domain_path, Op::is_domain_introduced, Op::release, Op::resume})
            CHECK(client.error(op, nul({domain})) == "EINVAL");
    CHECK(client.error(Op::introduce, nul({"5", "1", "0"})) == "EINVAL");
    CHECK(client.error(Op::introduce, nul({"5", "1"})) == "EINVAL");
}

TEST_CASE("operations that are none, or not for this client") {
    StoreHost host;
    host.add_guest(guest);
    RawStoreClient dom0(host, DomId{0});
    RawStoreClient client(host, guest);
    for (const std::uint32_t type : {15u, 16u, 20u, 23u, 24u, 0xffffu, 0xffffffffu}) {
        CHECK(dom0.error(static_cast<Op>(type), "") == "ENOSYS");
        CHECK(client.error(static_cast<Op>(type), "") == "ENOSYS");
    }
    CHECK(dom0.error(Op::control, nul({"help"})) == "ENOSYS");
    CHECK(dom0.error(Op::set_target, nul({"1", "2"})) == "ENOSYS");
    for (const Op op : {Op::control, Op::set_target, Op::introduce, Op::release, Op::resume,
                        Op::is_domain_introduced})
        CHECK(client.error(op, nul({"0"})) == "EACCES");
    CHECK(client.ask(Op::get_domain_path, nul({"5"})).payload == nul({"/local/domain/5"}));
}

TEST_CASE("dom0 introduces and releases by the wire") {
    StoreHost host;
    RawStoreClient dom0(host, DomId{0});
    CHECK(dom0.error(Op::release, nul({"9"})) == "ENOENT");
    CHECK(dom0.error(Op::resume, nul({"9"})) == "ENOENT");
    CHECK(dom0.ask(Op::is_domain_introduced, nul({"9"})).payload == nul({"F"}));
    CHECK(dom0.ask(Op::introduce, nul({"9", "1", "1"})).payload == nul({"OK"}));
    CHECK(dom0.ask(Op::is_domain_introduced, nul({"9"})).payload == nul({"T"}));
    CHECK(dom0.ask(Op::resume, nul({"9"})).payload == nul({"OK"}));
    CHECK(dom0.ask(Op::release, nul({"9"})).payload == nul({"OK"}));
    CHECK(dom0.ask(Op::is_domain_introduced, nul({"9"})).payload == nul({"F"}));
    CHECK(dom0.error(Op::release, nul({"0"})) == "EINVAL");
}

TEST_CASE("transactions are named by those who hold them") {
    StoreHost host;
    RawStoreClient client(host, DomId{0});
    CHECK(client.error(Op::read, nul({"/"}), 5) == "ENOENT");
    CHECK(client.error(Op::transaction_end, nul({"T"}), 0) == "ENOENT");
    const auto id = client.ask(Op::transaction_start, nul({""})).payload;
    const auto txn = static_cast<std::uint32_t>(std::stoul(id));
    CHECK(client.error(Op::transaction_start, nul({""}), txn) == "EBUSY");
    CHECK(client.error(Op::transaction_end, nul({"F"}), txn) == "");
    CHECK(client.error(Op::transaction_end, nul({"F"}), txn) == "ENOENT");
    CHECK(client.ask(Op::reset_watches, nul({""})).payload == nul({"OK"}));
}

TEST_CASE("a message is understood however it is cut, and several at once too") {
    StoreHost host;
    RawStoreClient client(host, DomId{0});
    const std::string request = encode(Op::write, 1, 0, nul({"/cut"}) + "value");
    for (const char byte : request)
        client.send({&byte, 1});
    CHECK(client.receive()->payload == nul({"OK"}));
    std::string many;
    for (std::uint32_t i = 0; i < 500; ++i)
        many += encode(Op::read, i, 0, nul({"/cut"}));
    client.send(many);
    for (std::uint32_t i = 0; i < 500; ++i) {
        const auto reply = client.receive();
        REQUIRE(reply);
        CHECK(reply->request == i);
        CHECK(reply->payload == "value");
    }
}
