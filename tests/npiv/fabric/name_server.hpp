// The name server: who is on the fabric, for those who may see it.
//
// Source: FC-GS, common transport (CT) and name server. Errors: a request that makes no sense is
// rejected; what is no CT at all is nothing.
#pragma once

#include "common/base/expected.hpp"
#include "tests/npiv/fabric/zones.hpp"

namespace pvscsi::fabric {

enum class NameRequest : std::uint16_t {
    ga_nxt = 0x0100,  ///< all about the port with the next address
    gpn_id = 0x0112,  ///< port name
    gnn_id = 0x0113,  ///< node name
    gft_id = 0x0117,  ///< FC-4 types
    gspn_id = 0x0118, ///< symbolic port name
    gff_id = 0x011f,  ///< FC-4 features
    gid_pn = 0x0121,  ///< address by port name
    gid_ft = 0x0171,  ///< addresses of an FC-4
    gpn_ft = 0x0172,  ///< addresses and port names of an FC-4
    rpn_id = 0x0212,
    rnn_id = 0x0213,
    rft_id = 0x0217,
    rspn_id = 0x0218,
    rff_id = 0x021f,
    rsnn_nn = 0x0239,
};

/// Why a request is rejected (FC-GS, Reject CT_IU). Each reason with an explanation is one of
/// "unable to perform command request".
enum class Rejection : std::uint16_t {
    invalid_size = 0x0400,
    unknown_request = 0x0b00,
    no_port_id = 0x0901,
    no_port_name = 0x0902,
    no_types = 0x0907,
};

class NameServer {
  public:
    NameServer(Ports& ports, const Zones& zones) : ports_(ports), zones_(zones) {}

    struct Answer {
        Bytes ct;
        bool registered = false; ///< `from` is complete now: others should hear of it
    };
    [[nodiscard]] std::optional<Answer> answer(Port& from, View ct) const;

  private:
    using Body = Expected<Bytes, Rejection>;
    [[nodiscard]] Body query(NameRequest what, const Port& from, View body) const;
    [[nodiscard]] Body about(NameRequest what, const Port& port) const;
    [[nodiscard]] Body next(const Port& from, PortId id) const;
    [[nodiscard]] Body of_type(NameRequest what, const Port& from, std::uint8_t type) const;

    Ports& ports_;
    const Zones& zones_;
};

} // namespace pvscsi::fabric
