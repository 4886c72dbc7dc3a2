#include "tests/npiv/fabric/packet_socket.hpp"

#include "common/base/log.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <cerrno>
#include <cstring>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <system_error>

namespace pvscsi::fabric {

namespace {

// As many frames as a frozen fabric may find.
constexpr int receive_buffer = 8 << 20;
constexpr std::size_t largest_packet = 4096;

void check(bool good, const std::string& what) {
    if (!good)
        throw std::system_error(errno, std::generic_category(), what);
}

sockaddr_ll address_of(int index) {
    sockaddr_ll address{};
    address.sll_family = AF_PACKET;
    address.sll_protocol = htons(ETH_P_ALL);
    address.sll_ifindex = index;
    return address;
}

} // namespace

PacketSocket::PacketSocket(const std::string& interface)
    : interface_(interface), fd_(adopt_fd, ::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0)),
      index_(static_cast<int>(::if_nametoindex(interface.c_str()))) {
    check(static_cast<bool>(fd_), "packet socket");
    check(index_ != 0, interface);
    const auto set = [&](int level, int name, const auto& value) {
        check(::setsockopt(fd_.get(), level, name, &value, sizeof value) == 0, interface);
    };
    set(SOL_SOCKET, SO_RCVBUFFORCE, receive_buffer);
    set(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1);
    packet_mreq promiscuous{};
    promiscuous.mr_ifindex = index_;
    promiscuous.mr_type = PACKET_MR_PROMISC;
    set(SOL_PACKET, PACKET_ADD_MEMBERSHIP, promiscuous);
    const auto address = address_of(index_);
    check(::bind(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0,
          interface);
}

std::optional<Bytes> PacketSocket::receive() {
    Bytes packet(largest_packet);
    const auto size = ::recv(fd_.get(), packet.data(), packet.size(), MSG_DONTWAIT);
    if (size < 0) // nothing more, or ENETDOWN once
        return {};
    packet.resize(static_cast<std::size_t>(size));
    return packet;
}

void PacketSocket::send(View packet) {
    if (::send(fd_.get(), packet.data(), packet.size(), 0) < 0)
        log::debug("{}: {}", interface_, std::strerror(errno));
}

bool PacketSocket::carrier() const {
    ifreq request{};
    interface_.copy(request.ifr_name, IFNAMSIZ - 1);
    return ::ioctl(fd_.get(), SIOCGIFFLAGS, &request) == 0 &&
           (request.ifr_flags & IFF_RUNNING) != 0;
}

} // namespace pvscsi::fabric
