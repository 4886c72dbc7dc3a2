#include "tests/support/verb_bed.hpp"

namespace pvscsi::test {

std::string at(hv::Store& store, const std::string& path) {
    return store.read(path, hv::no_transaction).value_or("-");
}

void reconfigure(hv::Store& store, const std::string& outcome) {
    const auto put = [&](const std::string& path, const std::string& value) {
        if (at(store, path) != value)
            static_cast<void>(store.write(path, value, hv::no_transaction));
    };
    if (at(store, back + "/state") != "7" || at(store, front + "/state") != "4")
        return;
    put(front + "/state", "7");
    for (const std::string dev : {"dev-0", "dev-1", "dev-2"}) {
        const std::string node = back + "/vscsi-devs/" + dev;
        if (at(store, node + "/state") == "5") {
            put(front + "/vscsi-devs/" + dev + "/state", "6");
            put(node + "/state", "6");
        }
        if (at(store, node + "/state") == "1") {
            if (outcome == "6")
                put(node + "/error", "the backing is in use");
            put(node + "/state", outcome);
            put(front + "/vscsi-devs/" + dev + "/state", outcome);
        }
    }
    put(back + "/state", "8");
    put(front + "/state", "4");
    put(back + "/state", "4");
}

} // namespace pvscsi::test
