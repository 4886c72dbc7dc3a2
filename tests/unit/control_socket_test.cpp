// The daemon's control socket where it can't be made, or can't take a connection.
#include "backend/control_socket.hpp"
#include "tests/support/no_files.hpp"
#include "tests/support/temp_folder.hpp"

#include <boost/asio/write.hpp>
#include <catch2/catch.hpp>

#include <optional>
#include <sys/stat.h>

using namespace pvscsi;
using namespace std::chrono_literals;
using backend::ControlSocket;
using boost::asio::local::stream_protocol;

TEST_CASE("one that waits while no descriptor is free is answered later, and costs no time") {
    const test::Folder folder;
    boost::asio::io_context control{1};
    const ControlSocket socket(
        control, folder.path("control"),
        [](std::string_view line, const auto& reply) { reply("you " + std::string(line)); });
    stream_protocol::socket client(control);
    client.connect(stream_protocol::endpoint(folder.path("control")));
    boost::asio::write(client, boost::asio::buffer("hello\n", 6));
    {
        const test::NoFiles no_files;
        CHECK(control.run_for(300ms) == 1); // not again and again
    }
    const auto end = std::chrono::steady_clock::now() + 20s;
    while (client.available() == 0 && std::chrono::steady_clock::now() < end)
        control.run_one_for(10ms);
    std::string answer(client.available(), '\0');
    client.read_some(boost::asio::buffer(answer));
    CHECK(answer == "you hello\n");
}

TEST_CASE("a path that no socket can have is an error that names it, and nothing else changes") {
    const test::Folder folder;
    const std::string path = folder.file(std::string(200, 'x'), "somebody's");
    boost::asio::io_context control{1};
    const mode_t before = ::umask(027);
    std::string said;
    try {
        const ControlSocket socket(control, path, [](std::string_view, const auto&) {});
    } catch (const std::system_error& error) {
        CHECK(error.code() == std::errc::filename_too_long);
        said = error.what();
    }
    CHECK(::umask(before) == 027);
    CHECK_THAT(said, Catch::Contains(path));
    CHECK(std::filesystem::exists(path));
}
