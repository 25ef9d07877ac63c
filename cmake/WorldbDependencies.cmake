# Every outside library, found once, at the root. tools/setup-packages names the Debian packages.

find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
find_package(absl CONFIG REQUIRED)
pkg_check_modules(sodium REQUIRED IMPORTED_TARGET libsodium)
pkg_check_modules(isal REQUIRED IMPORTED_TARGET libisal)
pkg_check_modules(libarchive REQUIRED IMPORTED_TARGET libarchive)
pkg_check_modules(jemalloc REQUIRED IMPORTED_TARGET jemalloc)
find_package(OpenSSL REQUIRED COMPONENTS Crypto SSL)
find_package(RocksDB CONFIG REQUIRED)
find_package(CLI11 CONFIG REQUIRED)
find_package(fmt CONFIG REQUIRED)
find_package(spdlog CONFIG REQUIRED)
find_package(nlohmann_json CONFIG REQUIRED)

# asio without Boost: headers only, so a target of our own carries the define.
find_path(WORLDB_ASIO_INCLUDE_DIR asio.hpp REQUIRED)
mark_as_advanced(WORLDB_ASIO_INCLUDE_DIR)
add_library(worldb_asio INTERFACE)
add_library(worldb::asio ALIAS worldb_asio)
target_compile_definitions(worldb_asio INTERFACE ASIO_STANDALONE ASIO_NO_DEPRECATED)
target_include_directories(worldb_asio SYSTEM INTERFACE
                           "$<BUILD_INTERFACE:${WORLDB_ASIO_INCLUDE_DIR}>")
target_link_libraries(worldb_asio INTERFACE Threads::Threads)

if(WORLDB_WITH_GRPC)
  # Module mode: Debian's protobuf has no config file. It gives protobuf::libprotobuf and protobuf::protoc;
  # gRPC gives gRPC::grpc++ and gRPC::grpc_cpp_plugin.
  find_package(Protobuf MODULE REQUIRED)
  find_package(gRPC CONFIG REQUIRED)
endif()

if(BUILD_TESTING)
  find_package(GTest CONFIG REQUIRED)       # GTest::gtest, GTest::gmock, GTest::gtest_main, GTest::gmock_main
  find_package(benchmark CONFIG REQUIRED)   # benchmark::benchmark, benchmark::benchmark_main
  find_package(rapidcheck CONFIG REQUIRED)  # rapidcheck
  find_package(Python3 REQUIRED COMPONENTS Interpreter)
endif()
