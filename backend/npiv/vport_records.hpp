// Which virtual ports are ours: those that are written down here before they are made, and until
// they are gone. A daemon that dies leaves its ports, and the next one knows by this which it may
// go on with, and which to delete when nobody wants them. Ports of others are never touched.
//
// A file, a line for each: "WWPN:WWNN PORT GUEST VHOST DOMAIN", with tabs between.
// Thread: control. Errors: std::runtime_error if the file is damaged: then which ports are ours is
// not known, and none is made or deleted; std::system_error where it can't be written.
#pragma once

#include "common/config/wwn.hpp"

#include <string>
#include <vector>

namespace pvscsi::backend::npiv {

struct VportRecord {
    config::WwnPair names;
    config::Wwn on;     ///< WWPN of the host's port
    std::string guest;  ///< as PoolNames::guest; empty: made by hand (pvscsictl vport create)
    std::string vhost;  ///< its number, of whichever vhost asked for it first
    std::string domain; ///< its name then; for people
    friend bool operator==(const VportRecord&, const VportRecord&) = default;
};

class VportRecords {
  public:
    explicit VportRecords(std::string file) : file_(std::move(file)) {}

    [[nodiscard]] std::vector<VportRecord> list() const;
    void write(const std::vector<VportRecord>& all) const;
    [[nodiscard]] const std::string& file() const noexcept { return file_; }

  private:
    std::string file_;
};

} // namespace pvscsi::backend::npiv
