// One interface of this machine as a link: all that its other end sends, and what the fabric sends
// there.
//
// Source: packet(7). Thread: one. Errors: of opening, as std::system_error; a link that is down
// neither gives nor takes anything.
#pragma once

#include "common/base/unique_fd.hpp"
#include "tests/npiv/fabric/names.hpp"

namespace pvscsi::fabric {

class PacketSocket {
  public:
    /// Needs CAP_NET_RAW.
    explicit PacketSocket(const std::string& interface);

    [[nodiscard]] int fd() const { return fd_.get(); }
    /// The next packet, if there is one.
    [[nodiscard]] std::optional<Bytes> receive();
    void send(View packet);
    /// Whether both ends are up.
    [[nodiscard]] bool carrier() const;

  private:
    std::string interface_;
    UniqueFd fd_;
    int index_ = 0;
};

} // namespace pvscsi::fabric
