// An IscsiTarget over a SAN that does what the test says.
#pragma once

#include "backend/targets/iscsi/target.hpp"
#include "tests/support/iscsi_double.hpp"

namespace pvscsi::test {

/// Nothing in it takes longer than a test has.
inline constexpr backend::IscsiPatience little_patience{
    std::chrono::milliseconds(60), std::chrono::milliseconds(1),  std::chrono::milliseconds(8),
    std::chrono::milliseconds(60), std::chrono::milliseconds(60), std::chrono::milliseconds(-980)};
/// What does not happen, does not end by itself either.
inline constexpr backend::IscsiPatience much_patience{
    std::chrono::seconds(20), std::chrono::milliseconds(1), std::chrono::milliseconds(8),
    std::chrono::seconds(20), std::chrono::seconds(20),     std::chrono::seconds(0)};

struct IscsiBench : TargetBench {
    ~IscsiBench() {
        if (unit != nullptr)
            unit->detach();
        target.reset(); // before the SAN
        settle();
    }
    backend::IscsiUnitOptions options(backend::IscsiPatience patience = much_patience) {
        backend::IscsiUnitOptions all;
        all.portal = "127.0.0.1";
        all.lun = 5;
        all.login.target = "iqn.2003-01.org.example:t";
        all.login.initiator = "iqn.2003-01.org.example:i";
        all.login.isid = 0x123456789a;
        all.patience = patience;
        return all;
    }
    backend::IscsiTarget& begin(backend::IscsiUnitOptions all) {
        auto made = std::make_unique<backend::IscsiTarget>(std::make_shared<SanLibrary>(san),
                                                           std::move(all), nullptr, context);
        made->on_failure = [this](const std::string& reason) { failures.push_back(reason); };
        unit = made.get();
        target = std::move(made);
        return *unit;
    }
    void open(backend::IscsiUnitOptions all) {
        begin(std::move(all));
        settle_until([&] { return !unit->opening(); });
        unit->attach(context);
        settle();
    }
    /// A new session, after a loss.
    void come_back(std::size_t connections) {
        settle_until([&] { return san.connections.size() >= connections; });
        settle_until([&] { return san.last().script.empty(); });
        settle();
    }

    San san;
    backend::IscsiTarget* unit = nullptr;
};

struct SanUnit : IscsiBench {
    explicit SanUnit(bool read_only = false, backend::IscsiPatience patience = much_patience) {
        auto all = options(patience);
        all.read_only = read_only;
        open(std::move(all));
    }
};

} // namespace pvscsi::test
