// For tests of the life of guests' virtual ports: the test is the guests, the kernel and the
// fabric.
#pragma once

#include "backend/npiv/vports.hpp"
#include "tests/support/fake_fc.hpp"

#include <algorithm>
#include <thread>

namespace pvscsi::test {

using namespace backend::npiv;
using namespace std::chrono_literals;

inline const std::string port_a = "5001438000000001:5001438000000000";
inline const std::string port_b = "5001438000000003:5001438000000002";
inline const std::string target = "5005076800000001:5005076800000000";
inline const std::string names_1 = "2100000000000001:2000000000000001";
inline const std::string names_2 = "2100000000000002:2000000000000002";
inline const std::string wwpn_1 = names_1.substr(0, 16);
inline const std::string wwpn_2 = names_2.substr(0, 16);

inline Wwn wwn(const std::string& text) {
    return config::parse_wwn_name(text).value();
}

inline VportWish wish(const std::string& vport, const std::string& guest = "/vm/a",
                      std::uint64_t lun = 0) {
    return {config::parse_vport_choice(vport).value(),
            guest,
            "web",
            "0",
            {wwn(target.substr(0, 16)), lun, {}}};
}

struct VportsBed {
    FakeFc fc;
    Folder folder;
    boost::asio::io_context control{1};
    config::Settings settings;
    std::shared_ptr<Vports> vports;

    VportsBed() {
        settings.npiv_linger = 0;
        settings.npiv_pool = "2fff00163e12";
        start();
    }
    /// Another daemon over the same host.
    void start() {
        stop();
        vports = std::make_shared<Vports>(
            control, Vports::Place{folder.path("units"), "dom0", fc.tree(), fc.kernel(), 5ms, 0ms},
            settings);
        vports->begin();
    }
    void stop() {
        vports.reset();
        turn();
    }
    void turn() {
        control.restart();
        control.poll();
    }
    template <class Done>
    bool until(Done done) {
        const auto end = std::chrono::steady_clock::now() + 20s;
        while (!done() && std::chrono::steady_clock::now() < end) {
            control.restart();
            control.run_one_for(5ms);
        }
        return done();
    }
    /// What reach() awaits last; empty: it is there.
    std::string reach(const VportWish& wish, std::shared_ptr<const void>& lease,
                      const std::string& until_awaited = "") {
        std::string awaited;
        (void)until([&] {
            const auto access = vports->reach(wish);
            lease = access.lease;
            awaited = access.awaited;
            return until_awaited.empty() ? awaited.empty()
                                         : awaited.find(until_awaited) != std::string::npos;
        });
        return awaited;
    }
    std::string refusal(const VportWish& wish) {
        std::string why = "nothing";
        (void)until([&] {
            try {
                (void)vports->reach(wish);
            } catch (const std::runtime_error& error) {
                why = error.what();
                return true;
            }
            return false;
        });
        return why;
    }
    /// The target and its LUNs, as the guest's port sees them.
    std::string add_target(const std::string& wwpn, std::vector<std::uint64_t> luns = {0},
                           int id = 0) {
        const auto rport = fc.add_remote(fc.host_of(wwpn), target, id);
        for (const auto lun : luns)
            fc.add_unit(rport, lun, "sg" + std::to_string(lun));
        return rport;
    }
    bool is_there(const std::string& wwpn) { return fc.tree().vport(wwn(wwpn)).has_value(); }
    long count(const std::string& what) {
        const auto all = fc.writes();
        return std::count_if(all.begin(), all.end(),
                             [&](const std::string& text) { return text.starts_with(what); });
    }
};

} // namespace pvscsi::test
