# worldb_add_test(name SOURCES a.cc... [LIBS target...] [LABELS label...] [TIMEOUT seconds] [NO_MAIN])
#   One GoogleTest binary, one ctest entry. ctest may run entries in parallel, so a test owns no fixed port
#   and no fixed path. It starts in a directory of its own, so a relative path it writes stays its own too.
#   NO_MAIN: the sources bring their main().
function(worldb_add_test name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "NO_MAIN" "TIMEOUT" "SOURCES;LIBS;LABELS")
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
  target_link_libraries(${name} PRIVATE worldb_options ${arg_LIBS} GTest::gmock GTest::gtest)
  if(NOT arg_NO_MAIN)
    target_link_libraries(${name} PRIVATE GTest::gtest_main)
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
#   One libFuzzer target per parser, of <name>.cc. Under WORLDB_FUZZ its binary lands in <build>/fuzz/<name>, where
#   tools/test finds it, and belongs to target worldb_fuzzers. Always, <name>_replay runs it over the seeds in
#   corpus/<name>/ as a plain test.
function(worldb_add_fuzz name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "LIBS;LABELS")
  if(arg_UNPARSED_ARGUMENTS OR NOT arg_LIBS)
    message(FATAL_ERROR "worldb_add_fuzz(${name}): LIBS missing or unknown: ${arg_UNPARSED_ARGUMENTS}")
  endif()
  if(WORLDB_FUZZ)
    if(NOT TARGET worldb_fuzzers)
      add_custom_target(worldb_fuzzers)
    endif()
    add_dependencies(worldb_fuzzers ${name})
    add_executable(${name} ${name}.cc)
    target_link_libraries(${name} PRIVATE worldb_options ${arg_LIBS})
    target_link_options(${name} PRIVATE -fsanitize=fuzzer)
    set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/fuzz")
  endif()
  add_executable(${name}_replay ${name}.cc replay_main.cc)
  target_link_libraries(${name}_replay PRIVATE worldb_options ${arg_LIBS})
  add_test(NAME ${name}_replay COMMAND ${name}_replay "${CMAKE_CURRENT_SOURCE_DIR}/corpus/${name}")
  set_tests_properties(${name}_replay PROPERTIES LABELS "fuzz;${arg_LABELS}")
endfunction()
