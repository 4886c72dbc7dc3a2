#include "tests/support/fake_fc.hpp"

#include <algorithm>
#include <cerrno>

namespace pvscsi::test {

namespace fs = std::filesystem;
using Lock = std::lock_guard<std::recursive_mutex>;

FakeFc::FakeFc() : sys_(folder_.path("sys")) {
    for (const char* const name : {"class/fc_host", "class/fc_vports", "class/fc_remote_ports",
                                   "class/scsi_generic", "bus/scsi/devices", "devices"})
        fs::create_directories(sys_ / name);
}

void FakeFc::write(const fs::path& file, const std::string& text) const {
    const Lock lock(mutex_);
    fs::create_directories(file.parent_path());
    // As a whole: a reader never sees an attribute half written.
    const fs::path fresh = folder_.path("fresh");
    std::ofstream(fresh) << text << "\n";
    fs::rename(fresh, file);
}

void FakeFc::link(const fs::path& from, const std::string& to) const {
    fs::create_directories((sys_ / to).parent_path());
    fs::create_directory_symlink(from, sys_ / to);
}

void FakeFc::drop_links_into(const fs::path& place) const {
    for (const char* const name : {"class/fc_host", "class/fc_vports", "class/fc_remote_ports",
                                   "class/scsi_generic", "bus/scsi/devices"})
        for (const auto& entry : std::vector<fs::directory_entry>(
                 fs::directory_iterator(sys_ / name), fs::directory_iterator()))
            if (fs::read_symlink(entry.path()).string().starts_with(place.string() + "/"))
                fs::remove(entry.path());
}

void FakeFc::add_host(const fs::path& place, unsigned host, const std::string& names) {
    const std::string name = "host" + std::to_string(host);
    const fs::path own = place / name;
    const fs::path attributes = own / "fc_host" / name;
    write(attributes / "port_name", "0x" + names.substr(0, 16));
    write(attributes / "node_name", "0x" + names.substr(17));
    write(attributes / "port_state", "Online");
    link(own, "class/scsi_host/" + name);
    link(attributes, "class/fc_host/" + name);
    hosts_[host] = own;
}

fs::path FakeFc::place_of_host(unsigned host) const {
    return hosts_.at(host);
}

void FakeFc::add_port(unsigned host, const std::string& names, unsigned max_vports) {
    const Lock lock(mutex_);
    add_host(sys_ / "devices" / ("pci" + std::to_string(host)), host, names);
    if (max_vports == 0)
        return;
    const fs::path attributes = sys_ / "class/fc_host" / ("host" + std::to_string(host));
    write(attributes / "max_npiv_vports", std::to_string(max_vports));
    write(attributes / "npiv_vports_inuse", "0");
    write(attributes / "vport_create", "");
    write(attributes / "vport_delete", "");
}

void FakeFc::set_port_state(unsigned host, const std::string& state) {
    const Lock lock(mutex_);
    write(sys_ / "class/fc_host" / ("host" + std::to_string(host)) / "port_state", state);
}

backend::npiv::WriteAttribute FakeFc::kernel() {
    return [this](const fs::path& attribute, const std::string& text) {
        std::unique_lock<std::recursive_mutex> lock(mutex_);
        const std::string what = attribute.filename().string() + " " + text;
        let_go_.wait(lock, [&] { return !held_ || what.find(*held_) == std::string::npos; });
        writes_.push_back(what);
        return answer(attribute, text);
    };
}

std::vector<std::string> FakeFc::writes() const {
    const Lock lock(mutex_);
    return writes_;
}

void FakeFc::hold(std::optional<std::string> what) {
    const Lock lock(mutex_);
    held_ = std::move(what);
    let_go_.notify_all();
}

backend::npiv::Written FakeFc::answer(const fs::path& attribute, const std::string& text) {
    if (!fs::exists(attribute))
        return {ENOENT, false};
    const std::string name = attribute.filename();
    if (name != "vport_create" && name != "vport_delete") {
        write(attribute, text);
        return {};
    }
    if (!refusals.empty()) {
        const int code = refusals.front();
        refusals.erase(refusals.begin());
        if (code < 0)
            return {-code, false};
        if (code > 0)
            return {code};
    }
    if (text.size() != 33 || text[16] != ':')
        return {EINVAL};
    const std::string host = attribute.parent_path().filename();
    const auto on = static_cast<unsigned>(std::stoul(host.substr(4)));
    return {name == "vport_create" ? create(on, text) : remove(on, text)};
}

int FakeFc::create(unsigned on, const std::string& names) {
    const std::string wwpn = names.substr(0, 16);
    const fs::path parent = sys_ / "class/fc_host" / ("host" + std::to_string(on));
    const auto port = tree().port(backend::npiv::Wwn(std::stoull(wwpn, nullptr, 16)));
    if (port) // libfc's; others say ENOTUNIQ
        return EINVAL;
    const auto own = tree().ports();
    for (const auto& candidate : own)
        if (candidate.host == on && candidate.vports_in_use >= candidate.max_vports)
            return ENOSPC;
    make_vport(on, names);
    return 0;
}

void FakeFc::make_vport(unsigned on, const std::string& names) {
    const Lock lock(mutex_);
    const std::string wwpn = names.substr(0, 16);
    const std::string name =
        "vport-" + std::to_string(on) + ":0-" + std::to_string(next_vport_[on]++);
    const fs::path place = place_of_host(on) / name;
    const fs::path attributes = place / "fc_vports" / name;
    write(attributes / "port_name", "0x" + wwpn);
    write(attributes / "node_name", "0x" + names.substr(17));
    write(attributes / "vport_state", first_state);
    write(attributes / "vport_last_state", "Initializing");
    write(attributes / "symbolic_name", "");
    fs::create_directory_symlink(place, attributes / "device");
    add_host(place, next_host_, names);
    link(attributes, "class/fc_vports/" + name);
    virtual_[wwpn] = {place, on, next_host_++};
    const auto in_use = std::count_if(virtual_.begin(), virtual_.end(),
                                      [&](const auto& item) { return item.second.on == on; });
    write(sys_ / "class/fc_host" / ("host" + std::to_string(on)) / "npiv_vports_inuse",
          std::to_string(in_use));
}

int FakeFc::remove(unsigned on, const std::string& names) {
    const auto place = virtual_.find(names.substr(0, 16));
    if (place == virtual_.end() || place->second.on != on)
        return ENODEV;
    remove_vport(names.substr(0, 16));
    return 0;
}

void FakeFc::remove_vport(const std::string& wwpn) {
    const Lock lock(mutex_);
    const Virtual gone = virtual_.at(wwpn);
    drop_links_into(gone.place);
    fs::remove(sys_ / "class/scsi_host" / ("host" + std::to_string(gone.host)));
    fs::remove_all(gone.place);
    hosts_.erase(gone.host);
    virtual_.erase(wwpn);
    const auto in_use = std::count_if(virtual_.begin(), virtual_.end(),
                                      [&](const auto& item) { return item.second.on == gone.on; });
    write(sys_ / "class/fc_host" / ("host" + std::to_string(gone.on)) / "npiv_vports_inuse",
          std::to_string(in_use));
}

unsigned FakeFc::host_of(const std::string& wwpn) const {
    const Lock lock(mutex_);
    return virtual_.at(wwpn).host;
}

void FakeFc::set_vport_state(const std::string& wwpn, const std::string& state,
                             const std::string& last) {
    const Lock lock(mutex_);
    const fs::path& place = virtual_.at(wwpn).place;
    const fs::path attributes = place / "fc_vports" / place.filename();
    write(attributes / "vport_last_state", last);
    write(attributes / "vport_state", state);
}

std::string FakeFc::add_remote(unsigned host, const std::string& names, int target,
                               const std::string& roles) {
    const Lock lock(mutex_);
    const std::string name =
        "rport-" + std::to_string(host) + ":0-" + std::to_string(next_remote_[host]++);
    const fs::path place = place_of_host(host) / name;
    const fs::path attributes = place / "fc_remote_ports" / name;
    write(attributes / "port_name", "0x" + names.substr(0, 16));
    write(attributes / "node_name", "0x" + names.substr(17));
    write(attributes / "port_state", "Online");
    write(attributes / "roles", roles);
    write(attributes / "scsi_target_id", std::to_string(target));
    write(attributes / "dev_loss_tmo", "60");
    write(attributes / "fast_io_fail_tmo", "off");
    link(attributes, "class/fc_remote_ports/" + name);
    remotes_[name] = place;
    return name;
}

void FakeFc::set_remote_state(const std::string& rport, const std::string& state) {
    const Lock lock(mutex_);
    write(remotes_.at(rport) / "fc_remote_ports" / rport / "port_state", state);
}

void FakeFc::remove_remote(const std::string& rport) {
    const Lock lock(mutex_);
    drop_links_into(remotes_.at(rport));
    fs::remove_all(remotes_.at(rport));
    remotes_.erase(rport);
}

void FakeFc::add_unit(const std::string& rport, std::uint64_t lun, const std::string& sg,
                      const std::string& wwid) {
    const Lock lock(mutex_);
    const fs::path& place = remotes_.at(rport);
    std::string id;
    std::getline(std::ifstream(place / "fc_remote_ports" / rport / "scsi_target_id"), id);
    const std::string host = rport.substr(6, rport.find(':') - 6);
    const std::string address = host + ":0:" + id + ":" + std::to_string(lun);
    const fs::path device = place / ("target" + host + ":0:" + id) / address;
    fs::create_directories(device);
    if (!wwid.empty())
        write(device / "wwid", wwid);
    link(device, "bus/scsi/devices/" + address);
    if (sg.empty())
        return;
    fs::create_directories(device / "scsi_generic" / sg);
    fs::create_directory_symlink(device, device / "scsi_generic" / sg / "device");
    link(device / "scsi_generic" / sg, "class/scsi_generic/" + sg);
}

void FakeFc::remove_unit(const std::string& rport, std::uint64_t lun) {
    const Lock lock(mutex_);
    for (const auto& entry : fs::recursive_directory_iterator(remotes_.at(rport))) {
        const std::string name = entry.path().filename();
        if (!name.ends_with(":" + std::to_string(lun)) || name.starts_with("target"))
            continue;
        const fs::path device = entry.path();
        fs::remove(sys_ / "bus/scsi/devices" / name);
        std::error_code none;
        for (const auto& sg : fs::directory_iterator(device / "scsi_generic", none))
            fs::remove(sys_ / "class/scsi_generic" / sg.path().filename());
        fs::remove_all(device);
        return;
    }
}

} // namespace pvscsi::test
