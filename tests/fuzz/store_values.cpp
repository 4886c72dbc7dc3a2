// What a peer or an administrator can have written to a store node: the parsers of numbers,
// addresses and states, the readers of whole groups of nodes, and paths.
#include "backend/lun_nodes.hpp"
#include "common/hypervisor/host/store_path.hpp"
#include "common/xenbus/nodes.hpp"
#include "common/xenbus/state.hpp"
#include "tests/fuzz/input.hpp"
#include "tests/support/direct_store.hpp"

#include <algorithm>
#include <exception>
#include <string>

using namespace pvscsi;
using fuzz::must;

namespace {

std::string text_of(std::span<const std::uint8_t> bytes) {
    return {bytes.begin(), bytes.end()};
}

void numbers(const std::string& text, std::uint64_t max) {
    const auto value = xenbus::parse_number(text, max);
    if (!value)
        return;
    must(*value <= max, "a number above its limit");
    must(std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; }),
         "a number of other characters");
    const auto zeros = std::min(text.find_first_not_of('0'), text.size() - 1);
    must(text.substr(zeros) == std::to_string(*value), "another number");
}

void addresses(const std::string& text) {
    const auto address = xenbus::parse_address(text);
    if (!address)
        return;
    must(std::count(text.begin(), text.end(), ':') == 3, "an address of other parts");
    must(xenbus::parse_address(xenbus::to_string(*address)) == address, "another address");
}

void states(const std::string& text) {
    if (const auto state = xenbus::state_from_node(text))
        must(xenbus::to_node(*state) == text && !to_string(*state).empty(), "another state");
}

void paths(const std::string& text) {
    using namespace hv::host;
    const std::string path = absolute_path(text, DomId{7});
    if (!is_valid_path(path) || path == "/")
        return;
    const std::string_view parent = parent_path(path);
    must(is_valid_path(parent) && is_at_or_below(path, parent), "a parent that is none");
    must(!is_at_or_below(parent, path), "a parent below its child");
    std::string_view rest = path;
    std::string again;
    while (!rest.empty())
        again.append("/").append(next_part(rest));
    must(again == path && path.ends_with(base_name(path)), "the parts of a path");
}

void lun_nodes(fuzz::Input& input) {
    hv::host::StoreTree tree;
    test::DirectStore store(tree, DomId{0});
    constexpr std::string_view nodes[] = {"p-dev", "v-dev", "mode", "name", "state", "error"};
    for (const auto node : nodes)
        if (const auto size = input.take<std::uint8_t>(); size % 8 != 0)
            must(store
                     .write("/b/vscsi-devs/dev-0/" + std::string(node), text_of(input.bytes(size)),
                            hv::no_transaction)
                     .has_value(),
                 "a write of dom0");
    backend::LunNodes luns(store, pvscsi::DomId{0}, "/b");
    for (const auto& lun : luns.list())
        must(lun.name == "dev-0", "another LUN");
    try {
        (void)luns.address("dev-0");
        must(!luns.config("dev-0").pdev.empty() || store.read("/b/vscsi-devs/dev-0/p-dev", 0) == "",
             "a PDEV from nowhere");
    } catch (const std::runtime_error& error) {
        for (const char* c = error.what(); *c != '\0'; ++c)
            must(*c >= ' ' && *c <= '~', "an error that a terminal cannot show");
        // What is gone, or to be removed, is left as it is.
        const auto before = luns.state("dev-0");
        const bool stays = before != xenbus::State::unknown && before != xenbus::State::closing;
        luns.set_failed("dev-0", error.what());
        must(luns.state("dev-0") == (stays ? xenbus::State::closed : before),
             "the state of a failed LUN");
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::Input input(data, size);
    if (input.take<std::uint8_t>() % 2 == 0) {
        lun_nodes(input);
        return 0;
    }
    const auto max = input.take<std::uint64_t>();
    const std::string text = text_of(input.rest());
    numbers(text, max);
    addresses(text);
    states(text);
    paths(text);
    return 0;
}
