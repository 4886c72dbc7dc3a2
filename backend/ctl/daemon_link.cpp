#include "backend/ctl/daemon_link.hpp"

#include "backend/ctl/failure.hpp"
#include "common/base/printable.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace pvscsi::ctl {

namespace {

using boost::asio::local::stream_protocol;
using nlohmann::json;
using Error = boost::system::error_code;

/// Thousands of LUNs have some hundred bytes each.
constexpr std::size_t longest_reply = 64u << 20;

/// One exchange of a line each way.
class Exchange {
  public:
    Exchange(const std::string& path, std::string request)
        : path_(path), request_(std::move(request)), socket_(context_) {}

    std::string run(std::chrono::milliseconds patience) {
        Error error;
        socket_.connect(stream_protocol::endpoint(path_), error);
        if (error)
            fail(error);
        boost::asio::async_write(
            socket_, boost::asio::buffer(request_),
            [this](const Error& result, std::size_t) { result ? end(result) : read(); });
        context_.run_for(patience);
        if (!result_)
            throw Failure(ExitCode::no_daemon,
                          fmt::format("the daemon has not answered at {} within {} s", path_,
                                      std::chrono::duration<double>(patience).count()));
        if (*result_)
            fail(*result_);
        return reply_;
    }

  private:
    void read() {
        boost::asio::async_read_until(socket_, boost::asio::dynamic_buffer(reply_, longest_reply),
                                      '\n',
                                      [this](const Error& result, std::size_t) { end(result); });
    }

    void end(const Error& result) { result_ = result; }

    [[noreturn]] void fail(const Error& error) const {
        const bool denied = error == boost::asio::error::access_denied;
        throw Failure(ExitCode::no_daemon,
                      fmt::format("no daemon answers at {} ({}); {}", path_, error.message(),
                                  denied ? "root and the group pvscsi may ask it"
                                         : "start pvscsid, or see its log"));
    }

    const std::string path_;
    const std::string request_;
    boost::asio::io_context context_{1};
    stream_protocol::socket socket_;
    std::string reply_;
    std::optional<Error> result_;
};

std::string text_of(const json& error) {
    std::string text;
    for (const json& one : error.is_array() ? error : json::array({error}))
        text += (text.empty() ? "" : "\n") +
                printable(one.is_string() ? one.get<std::string>() : one.dump());
    return text;
}

} // namespace

json ask_daemon(const std::string& path, const json& request, std::chrono::milliseconds patience) {
    const std::string text = Exchange(path, request.dump() + "\n").run(patience);
    json reply = json::parse(text, nullptr, false);
    if (!reply.is_object())
        throw Failure(ExitCode::failed, "the daemon's answer makes no sense");
    if (const auto error = reply.find("error"); error != reply.end())
        throw Failure(reply.contains("missing") ? ExitCode::not_found : ExitCode::failed,
                      text_of(*error));
    return reply;
}

} // namespace pvscsi::ctl
