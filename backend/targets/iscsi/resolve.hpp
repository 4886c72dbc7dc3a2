// A portal's name to an address, without anybody waiting for it: libiscsi, given a name, asks for
// its address right where it is called. An address needs no asking.
//
// Thread: the loop's; a thread of its own asks, and may outlive who wanted to know.
#pragma once

#include "common/base/expected.hpp"

#include <boost/asio/io_context.hpp>

#include <functional>
#include <memory>
#include <string>

namespace pvscsi::backend {

class IscsiResolving {
  public:
    /// The address as IscsiContext::connect() takes it, or why there is none.
    using Done = std::function<void(Expected<std::string, std::string>)>;

    /// `portal`: HOST[:PORT], an IPv6 address in brackets. `done` is called from the loop, once,
    /// never from inside, and not any more after this has been destroyed.
    IscsiResolving(boost::asio::io_context& context, const std::string& portal, Done done);
    ~IscsiResolving();
    IscsiResolving(const IscsiResolving&) = delete;
    IscsiResolving& operator=(const IscsiResolving&) = delete;

  private:
    struct Job;
    void ask();
    std::shared_ptr<Job> job_;
};

} // namespace pvscsi::backend
