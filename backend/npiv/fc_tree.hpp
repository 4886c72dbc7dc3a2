// Fibre Channel as sysfs shows it: the host's ports, the virtual ports on them, and the ports of
// the fabric that each of them sees. What disappears while it is read is left out; nothing is kept.
//
// Source: Linux 6.1, drivers/scsi/scsi_transport_fc.c (classes fc_host, fc_vports,
// fc_remote_ports; the names of states and roles).
// Thread: any; reads sysfs. Errors: as what is missing.
#pragma once

#include "common/config/wwn.hpp"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace pvscsi::backend::npiv {

using config::Wwn;
using config::WwnPair;

/// A port of this host, with a SCSI host of its own; a virtual one has one, too.
struct FcPort {
    unsigned host = 0; ///< N of hostN; not the same after a boot
    WwnPair names;
    std::string state; ///< "Online", "Linkdown", ...
    bool is_virtual = false;
    /// How many virtual ports it can have; nothing: it can have none.
    std::optional<unsigned> max_vports;
    unsigned vports_in_use = 0;
    [[nodiscard]] bool online() const { return state == "Online"; }
};

enum class VportState : std::uint8_t {
    unknown,
    active, ///< logged in to the fabric
    disabled,
    linkdown,
    initializing,
    no_fabric_support,
    no_fabric_resources,
    fabric_logout,
    fabric_rejected_wwn,
    failed,
};
/// As the kernel says it; one that it does not have is unknown.
[[nodiscard]] VportState vport_state_of(std::string_view text) noexcept;
[[nodiscard]] std::string_view to_string(VportState state) noexcept;

struct FcVport {
    std::string name; ///< "vport-1:0-0"; another one after each creation
    WwnPair names;
    VportState state = VportState::unknown;
    VportState last_state = VportState::unknown; ///< before that, as the driver tells it
    std::string symbolic_name;
    unsigned on_host = 0;         ///< of the port that it is on
    std::optional<unsigned> host; ///< its own; nothing while it is made or goes
};

/// A port of the fabric, as one of the host's sees it.
struct FcRemotePort {
    std::string name; ///< "rport-2:0-1"
    unsigned host = 0;
    unsigned channel = 0;
    WwnPair names;
    std::string state; ///< "Online", "Blocked", "Not Present", ...
    std::string roles; ///< "FCP Target, FCP Initiator"
    /// T of its units' H:C:T:L; nothing: it has none.
    std::optional<unsigned> target;
    [[nodiscard]] bool online() const { return state == "Online"; }
    [[nodiscard]] bool is_target() const { return roles.find("FCP Target") != std::string::npos; }
};

/// All of it, as it was at one moment.
struct FcView {
    std::vector<FcPort> ports;
    std::vector<FcVport> vports;
    std::vector<FcRemotePort> remote_ports;

    /// Null if there is none with this WWPN.
    [[nodiscard]] const FcPort* port(Wwn name) const noexcept;
    [[nodiscard]] const FcVport* vport(Wwn name) const noexcept;
};

class FcTree {
  public:
    explicit FcTree(std::filesystem::path sysfs = "/sys") : sysfs_(std::move(sysfs)) {}

    [[nodiscard]] std::vector<FcPort> ports() const;
    [[nodiscard]] std::vector<FcVport> vports() const;
    [[nodiscard]] std::vector<FcRemotePort> remote_ports() const;

    /// Reads some ten files for each of them: not to be asked for each of many units.
    [[nodiscard]] FcView view() const { return {ports(), vports(), remote_ports()}; }
    /// Of one port of this host, and the fabric as that sees it: there may be hundreds of others.
    [[nodiscard]] FcView view_of(Wwn port) const;

    [[nodiscard]] std::optional<FcPort> port(Wwn name) const;
    [[nodiscard]] std::optional<FcVport> vport(Wwn name) const;

    /// "vport_create" and the like, of hostN.
    [[nodiscard]] std::filesystem::path port_attribute(unsigned host, const char* name) const;
    [[nodiscard]] std::filesystem::path vport_attribute(const std::string& vport,
                                                        const char* name) const;
    [[nodiscard]] std::filesystem::path remote_port_attribute(const std::string& port,
                                                              const char* name) const;
    [[nodiscard]] const std::filesystem::path& sysfs() const noexcept { return sysfs_; }

  private:
    [[nodiscard]] std::optional<FcPort> read_port(const std::string& name) const;
    [[nodiscard]] std::optional<FcVport> read_vport(const std::string& name) const;
    [[nodiscard]] std::optional<FcRemotePort> read_remote_port(const std::string& name) const;

    std::filesystem::path sysfs_;
};

} // namespace pvscsi::backend::npiv
