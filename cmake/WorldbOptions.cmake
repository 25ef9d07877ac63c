# Two interface targets:
#   worldb_warnings  the warnings our own code is held to; never for generated code.
#   worldb_options   what every target of ours links: root include path, C++20, warnings, sanitizers.
# Both are exported (the libraries name them), but an installed copy carries only the include path and C++20.

add_library(worldb_warnings INTERFACE)
add_library(worldb::warnings ALIAS worldb_warnings)
set(worldb_warning_flags -Wall -Wextra -Wnon-virtual-dtor -Wimplicit-fallthrough)
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  list(APPEND worldb_warning_flags -Wshadow -Wthread-safety)
else()
  # GCC's plain -Wshadow also objects to constructor parameters named like a method, and its
  # -Wmissing-field-initializers to designated initialisers that leave defaults alone.
  list(APPEND worldb_warning_flags -Wshadow=local -Wno-missing-field-initializers)
endif()
if(WORLDB_WERROR)
  list(APPEND worldb_warning_flags -Werror)
endif()
list(TRANSFORM worldb_warning_flags REPLACE "(.+)" "$<BUILD_INTERFACE:\\1>")
target_compile_options(worldb_warnings INTERFACE ${worldb_warning_flags})

add_library(worldb_options INTERFACE)
add_library(worldb::options ALIAS worldb_options)
target_compile_features(worldb_options INTERFACE cxx_std_20)
target_include_directories(worldb_options INTERFACE
  "$<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}>"
  "$<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}/worldb>")
target_link_libraries(worldb_options INTERFACE worldb_warnings)

set(worldb_sanitizer_flags "")
if(WORLDB_ASAN)
  list(APPEND worldb_sanitizer_flags
       -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
endif()
if(WORLDB_TSAN)
  list(APPEND worldb_sanitizer_flags -fsanitize=thread -fno-omit-frame-pointer)
endif()
list(TRANSFORM worldb_sanitizer_flags REPLACE "(.+)" "$<BUILD_INTERFACE:\\1>")
target_compile_options(worldb_options INTERFACE ${worldb_sanitizer_flags})
target_link_options(worldb_options INTERFACE ${worldb_sanitizer_flags})
if(WORLDB_FUZZ)
  # The parsers live in libraries; a test's own branches lead no fuzzer anywhere.
  target_compile_options(worldb_options INTERFACE
    "$<BUILD_INTERFACE:$<$<STREQUAL:$<TARGET_PROPERTY:TYPE>,STATIC_LIBRARY>:-fsanitize=fuzzer-no-link>>")
  target_link_options(worldb_options INTERFACE "$<BUILD_INTERFACE:-fsanitize=fuzzer-no-link>")
endif()

# libstdc++'s own bounds and precondition checks, wherever speed is not what the build is for.
target_compile_definitions(worldb_options INTERFACE
  "$<BUILD_INTERFACE:$<$<OR:$<CONFIG:Debug>,$<BOOL:${WORLDB_ASAN}>,$<BOOL:${WORLDB_TSAN}>>:_GLIBCXX_ASSERTIONS>>")
