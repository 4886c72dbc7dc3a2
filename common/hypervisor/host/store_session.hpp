// One connection's side of the xenstore wire protocol: takes a request, does it in the tree as
// the connection's domain, gives the reply. No I/O.
//
// Thread: the tree's. Errors: all go back to the client, as xenstored sends them.
#pragma once

#include "common/hypervisor/host/store_client.hpp"
#include "common/hypervisor/host/store_wire.hpp"

namespace pvscsi::hv::host {

class StoreSession {
  public:
    StoreSession(StoreTree& tree, DomId domain, StoreClient::EventSink sink)
        : tree_(tree), client_(tree, domain, std::move(sink)) {}

    /// The reply to `request`, ready to be sent.
    [[nodiscard]] std::string handle(const StoreMessage& request);

    [[nodiscard]] StoreClient& client() noexcept { return client_; }

  private:
    /// A reply's payload.
    using Reply = Result<std::string>;

    [[nodiscard]] Reply dispatch(const StoreMessage& request);
    [[nodiscard]] Reply node_operation(const StoreMessage& request);
    [[nodiscard]] Reply domain_operation(const StoreMessage& request);
    [[nodiscard]] Reply directory(std::string_view path, StoreTxn txn);
    [[nodiscard]] Reply directory_part(const StoreMessage& request);
    [[nodiscard]] Reply write(const StoreMessage& request);
    [[nodiscard]] Reply get_permissions(std::string_view path, StoreTxn txn);
    [[nodiscard]] Reply set_permissions(const StoreMessage& request);
    [[nodiscard]] Reply watch(const StoreMessage& request);
    [[nodiscard]] Reply begin(const StoreMessage& request);
    [[nodiscard]] Reply end(const StoreMessage& request);
    [[nodiscard]] Reply introduce(const StoreMessage& request);

    StoreTree& tree_;
    StoreClient client_;
};

} // namespace pvscsi::hv::host
