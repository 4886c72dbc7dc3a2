// Fibre Channel in a tree that looks like /sys, with a kernel behind its files: ports, virtual
// ports that come and go as they are asked for, ports of the fabric and their units. The layout and
// the errors are those of Linux 6.1 with fcoe (scsi_transport_fc.c, libfc).
// Thread: any; what it is asked for waits for each other.
#pragma once

#include "backend/npiv/vport_command.hpp"
#include "tests/support/temp_folder.hpp"

#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>

namespace pvscsi::test {

class FakeFc {
  public:
    FakeFc();

    /// A port of the host, "host<N>", with room for virtual ones; 0: the driver has none at all.
    void add_port(unsigned host, const std::string& names, unsigned max_vports = 255);
    void set_port_state(unsigned host, const std::string& state);

    /// What the kernel does with a write. Each error of `refusals` is answered once, in order; one
    /// below 0 is of an attribute that can't be opened.
    [[nodiscard]] backend::npiv::WriteAttribute kernel();
    std::vector<int> refusals;
    /// Of a virtual port from now on when it is made.
    std::string first_state = "Active";
    /// Each write, as "vport_create 21...:20...".
    [[nodiscard]] std::vector<std::string> writes() const;
    /// The kernel waits in each write whose text, as writes() has it, has this in it, until it is
    /// let go by another one. "" is in all of them; nothing: in none.
    void hold(std::optional<std::string> what);

    void set_vport_state(const std::string& wwpn, const std::string& state,
                         const std::string& last = "Initializing");
    /// By hand, past the kernel's answer.
    void make_vport(unsigned on, const std::string& names);
    void remove_vport(const std::string& wwpn);
    /// N of its own hostN.
    [[nodiscard]] unsigned host_of(const std::string& wwpn) const;

    /// A port of the fabric as hostN sees it; `target` is -1 for none.
    std::string add_remote(unsigned host, const std::string& names, int target = 0,
                           const std::string& roles = "FCP Target, FCP Initiator");
    void set_remote_state(const std::string& rport, const std::string& state);
    void remove_remote(const std::string& rport);
    /// A unit behind it, by the number that the kernel has for its LUN.
    void add_unit(const std::string& rport, std::uint64_t lun, const std::string& sg,
                  const std::string& wwid = "");
    void remove_unit(const std::string& rport, std::uint64_t lun);

    [[nodiscard]] std::filesystem::path sys() const { return sys_; }
    [[nodiscard]] backend::npiv::FcTree tree() const { return backend::npiv::FcTree(sys_); }
    void write(const std::filesystem::path& file, const std::string& text) const;

  private:
    struct Virtual {
        std::filesystem::path place;
        unsigned on = 0;
        unsigned host = 0;
    };
    backend::npiv::Written answer(const std::filesystem::path& attribute, const std::string& text);
    int create(unsigned on, const std::string& names);
    int remove(unsigned on, const std::string& names);
    void link(const std::filesystem::path& from, const std::string& to) const;
    void drop_links_into(const std::filesystem::path& place) const;
    void add_host(const std::filesystem::path& place, unsigned host, const std::string& names);
    [[nodiscard]] std::filesystem::path place_of_host(unsigned host) const;

    Folder folder_;
    std::filesystem::path sys_;
    mutable std::recursive_mutex mutex_;
    std::condition_variable_any let_go_;
    std::optional<std::string> held_;
    std::map<unsigned, std::filesystem::path> hosts_;
    std::map<unsigned, unsigned> next_vport_; ///< by host
    std::map<std::string, Virtual> virtual_;  ///< by WWPN
    std::map<std::string, std::filesystem::path> remotes_;
    std::map<unsigned, unsigned> next_remote_;
    std::vector<std::string> writes_;
    unsigned next_host_ = 10;
};

} // namespace pvscsi::test
