# What tests run, and nothing else: all of it, for sanitizer builds; and what the optimised build alone can show, for the
# stage that checks what is shipped. Tests of the latter kind have the label `shipped`.
add_custom_target(worldb_tests)
add_custom_target(worldb_shipped)
# These folders hold tests of parts: once, with sanitizers, is enough in tools/test.
set(worldb_part_test_folders arbiter engine recover support)

# What nearly every test includes, compiled once. Only the tests' own sources use it: an include that a source of
# ours lacks must not hide behind it. They are not optimised either, as what they call is: a test's compile time is
# mostly code that runs once.
add_library(worldb_test_headers OBJECT "${PROJECT_SOURCE_DIR}/cmake/test_headers.cc")
target_link_libraries(worldb_test_headers PRIVATE worldb_options absl::statusor absl::time GTest::gmock GTest::gtest)
set(worldb_test_options -O0 -pthread)
target_compile_options(worldb_test_headers PRIVATE ${worldb_test_options})
target_precompile_headers(worldb_test_headers PRIVATE
  <algorithm> <array> <cstdint> <functional> <map> <memory> <optional> <set> <string> <utility> <variant> <vector>
  <gmock/gmock.h> <gtest/gtest.h> <absl/status/statusor.h> <absl/strings/str_cat.h> <absl/time/time.h>)

# worldb_add_test(name SOURCES a.cc... [LIBS target...] [LABELS label...] [TIMEOUT seconds] [OPTIMISED])
#   One GoogleTest binary, one ctest entry. ctest may run entries in parallel, so a test owns no fixed port
#   and no fixed path. It starts in a directory of its own, so a relative path it writes stays its own too.
#   OPTIMISED: the sources compute much themselves; with sanitizers they are compiled as all others are.
function(worldb_add_test name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "OPTIMISED" "TIMEOUT" "SOURCES;LIBS;LABELS")
  if(arg_UNPARSED_ARGUMENTS OR NOT arg_SOURCES)
    message(FATAL_ERROR "worldb_add_test(${name}): SOURCES missing or unknown: ${arg_UNPARSED_ARGUMENTS}")
  endif()
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 300)
  endif()
  # The label is the folder under tests/, so `ctest -L arbiter` runs the tests of arbiter/.
  file(RELATIVE_PATH folder "${PROJECT_SOURCE_DIR}/tests" "${CMAKE_CURRENT_SOURCE_DIR}")
  string(REGEX REPLACE "/.*" "" folder "${folder}")

  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE worldb_options ${arg_LIBS}
    GTest::gmock GTest::gtest GTest::gtest_main)
  if(NOT (arg_OPTIMISED AND WORLDB_ASAN))
    target_compile_options(${name} PRIVATE ${worldb_test_options})
    target_precompile_headers(${name} REUSE_FROM worldb_test_headers)
  endif()
  add_dependencies(worldb_tests ${name})
  if(NOT folder IN_LIST worldb_part_test_folders)
    add_dependencies(worldb_shipped ${name})
    list(APPEND arg_LABELS shipped)
  endif()
  set(directory "${CMAKE_CURRENT_BINARY_DIR}/${name}.run")
  file(MAKE_DIRECTORY "${directory}")
  add_test(NAME ${name} COMMAND ${name} WORKING_DIRECTORY "${directory}")
  set_tests_properties(${name} PROPERTIES
    LABELS "${folder};${arg_LABELS}"
    TIMEOUT ${arg_TIMEOUT}
    ENVIRONMENT "WORLDB_SOURCE_DIR=${PROJECT_SOURCE_DIR};UBSAN_OPTIONS=print_stacktrace=1")
endfunction()

# worldb_add_fuzz(name LIBS target... [LABELS label...])
#   One parser, of <name>.cc. <name>_replay runs it over the seeds in corpus/<name>/ as a plain test; under WORLDB_FUZZ a
#   libFuzzer binary lands in <build>/fuzz/<name> as well, where tools/test finds it, and belongs to target
#   worldb_fuzzers.
function(worldb_add_fuzz name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "LIBS;LABELS")
  if(arg_UNPARSED_ARGUMENTS OR NOT arg_LIBS)
    message(FATAL_ERROR "worldb_add_fuzz(${name}): LIBS missing or unknown: ${arg_UNPARSED_ARGUMENTS}")
  endif()
  add_library(${name}_input OBJECT ${name}.cc)
  target_link_libraries(${name}_input PRIVATE worldb_options ${arg_LIBS})
  if(WORLDB_FUZZ)
    if(NOT TARGET worldb_fuzzers)
      add_custom_target(worldb_fuzzers)
    endif()
    target_compile_options(${name}_input PRIVATE -fsanitize=fuzzer-no-link)
    add_executable(${name} $<TARGET_OBJECTS:${name}_input>)
    target_link_libraries(${name} PRIVATE worldb_options ${arg_LIBS})
    target_link_options(${name} PRIVATE -fsanitize=fuzzer)
    set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/fuzz")
    add_dependencies(worldb_fuzzers ${name})
  endif()
  add_executable(${name}_replay $<TARGET_OBJECTS:${name}_input> replay_main.cc)
  target_link_libraries(${name}_replay PRIVATE worldb_options ${arg_LIBS})
  add_dependencies(worldb_tests ${name}_replay)
  add_test(NAME ${name}_replay COMMAND ${name}_replay "${CMAKE_CURRENT_SOURCE_DIR}/corpus/${name}")
  set_tests_properties(${name}_replay PROPERTIES LABELS "fuzz;${arg_LABELS}")
endfunction()
