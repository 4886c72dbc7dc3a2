// A verb of pvscsictl and what it works on: a store server, the domain 5 "demo", and the other side
// played by the test.
#pragma once

#include "tests/support/ctl_bed.hpp"

#include <catch2/catch.hpp>

#include <fstream>
#include <stdexcept>

namespace pvscsi::test {

inline const std::string back = "/local/domain/0/backend/vscsi/5/0";
inline const std::string front = "/local/domain/5/device/vscsi/0";

struct VerbBed {
    StoreHost host;
    hv::XsStore real = host.connect();
    UnreliableStore store{real};
    FakeDomains domains{host};
    std::vector<std::string> warnings;
    ctl::Context context{store, domains, DomId{0}, std::chrono::milliseconds(200),
                         [this](const std::string& text) { warnings.push_back(text); }};

    std::string config(const std::string& vscsi, const std::string& name = "demo") const {
        const std::string path = host.directory() / (name + ".cfg");
        std::ofstream(path) << "name = \"" << name << "\"\nvscsi = [ " << vscsi << " ]\n";
        return path;
    }
    std::string image(const std::string& name) const {
        const std::string path = host.directory() / name;
        std::ofstream(path) << std::string(4096, 'x');
        return path;
    }
    /// Domain 5 "demo" with one LUN and a vhost in this state at both ends.
    void demo(const std::string& b_state, const std::string& f_state,
              const std::string& lun_state) {
        context.patience = std::chrono::milliseconds(0);
        ctl::create(context, config("'ram:1M,0:0:0:0'"));
        context.patience = std::chrono::milliseconds(200);
        set(back + "/feature-sg-grant", "512");
        set(back + "/vscsi-devs/dev-0/state", lun_state);
        set(front + "/state", f_state);
        set(back + "/state", b_state);
        warnings.clear();
    }
    void set(const std::string& path, const std::string& value) {
        REQUIRE(real.write(path, value));
    }
    std::string get(const std::string& path) { return real.read(path).value_or("-"); }
    bool has(const std::string& path) { return real.read(path).has_value(); }
    ctl::Failure failure(const std::function<void()>& call) {
        try {
            call();
        } catch (const ctl::Failure& failure) {
            CHECK(store.open_transactions == 0);
            return failure;
        }
        FAIL("it did not fail");
        throw std::logic_error("not reached");
    }
    /// What it says; it must end with that status.
    std::string failure(ctl::ExitCode code, const std::function<void()>& call) {
        const ctl::Failure failed = failure(call);
        CHECK(failed.code() == code);
        return failed.what();
    }
};

/// A node's value, "-" if it is not there.
std::string at(hv::Store& store, const std::string& path);

/// Daemon and guest in one: each step of a reconfiguration, as both ends go it. New LUNs end in
/// `outcome` (4, or 6 with an error).
void reconfigure(hv::Store& store, const std::string& outcome);

} // namespace pvscsi::test
