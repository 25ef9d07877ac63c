# Installs the libraries that exist in this build as package WorlDb, targets worldb::base, worldb::cryptoscatter, ...
# The config file finds again what the exported targets link. transport/ and tools/ are programs, not a library to link.

include(CMakePackageConfigHelpers)

set(worldb_install_targets worldb_warnings worldb_options)
set(worldb_install_folders "")
foreach(folder_and_target IN ITEMS
        cryptoscatter:base cryptoscatter:cryptoscatter arbiter:arbiter engine:engine engine:engine_rocks)
  string(REPLACE ":" ";" pair "${folder_and_target}")
  list(GET pair 0 folder)
  list(GET pair 1 name)
  if(TARGET worldb_${name})
    set_target_properties(worldb_${name} PROPERTIES EXPORT_NAME ${name})
    list(APPEND worldb_install_targets worldb_${name})
    list(APPEND worldb_install_folders ${folder})
  endif()
endforeach()
set_target_properties(worldb_warnings PROPERTIES EXPORT_NAME warnings)
set_target_properties(worldb_options PROPERTIES EXPORT_NAME options)
if(TARGET worldb_engine)
  set_target_properties(worldb_asio PROPERTIES EXPORT_NAME asio)
  list(APPEND worldb_install_targets worldb_asio)
endif()

# What the config file must find again follows from what the targets link, so neither can forget the other.
set(worldb_package_absl "find_dependency(absl CONFIG)")
set(worldb_package_fmt "find_dependency(fmt CONFIG)")
set(worldb_package_nlohmann_json "find_dependency(nlohmann_json CONFIG)")
set(worldb_package_OpenSSL "find_dependency(OpenSSL)")
set(worldb_package_RocksDB "find_dependency(RocksDB CONFIG)")
set(worldb_package_spdlog "find_dependency(spdlog CONFIG)")
set(worldb_package_Threads "find_dependency(Threads)")
set(worldb_module_sodium libsodium)
set(worldb_module_isal libisal)
set(WORLDB_DEPENDENCIES "")
foreach(target IN LISTS worldb_install_targets)
  foreach(kind IN ITEMS LINK_LIBRARIES INTERFACE_LINK_LIBRARIES)
    get_target_property(libraries ${target} ${kind})
    foreach(library IN LISTS libraries)
      string(REGEX REPLACE "^\\$<LINK_ONLY:(.*)>$" "\\1" library "${library}")
      if(library MATCHES "^PkgConfig::(.+)$")
        set(name "${CMAKE_MATCH_1}")
        if(NOT DEFINED worldb_module_${name})
          message(FATAL_ERROR "${target} links ${library}: name its pkg-config module in WorldbInstall.cmake")
        endif()
        list(APPEND WORLDB_DEPENDENCIES "find_dependency(PkgConfig)"
          "if(NOT TARGET ${library})\n  pkg_check_modules(${name} REQUIRED IMPORTED_TARGET ${worldb_module_${name}})\nendif()")
      elseif(library MATCHES "^([A-Za-z_]+)::" AND NOT CMAKE_MATCH_1 STREQUAL "worldb")
        set(name "${CMAKE_MATCH_1}")
        if(NOT DEFINED worldb_package_${name})
          message(FATAL_ERROR "${target} links ${library}: say how to find it in WorldbInstall.cmake")
        endif()
        list(APPEND WORLDB_DEPENDENCIES "${worldb_package_${name}}")
      endif()
    endforeach()
  endforeach()
endforeach()
list(REMOVE_DUPLICATES WORLDB_DEPENDENCIES)
list(JOIN WORLDB_DEPENDENCIES "\n" WORLDB_DEPENDENCIES)

install(TARGETS ${worldb_install_targets} EXPORT WorlDbTargets
        ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}" COMPONENT development)
list(REMOVE_DUPLICATES worldb_install_folders)
foreach(folder IN LISTS worldb_install_folders)
  install(DIRECTORY "${PROJECT_SOURCE_DIR}/${folder}" COMPONENT development
          DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}/worldb" FILES_MATCHING PATTERN "*.h")
endforeach()

set(worldb_config_dir "${CMAKE_INSTALL_LIBDIR}/cmake/WorlDb")
install(EXPORT WorlDbTargets NAMESPACE worldb:: DESTINATION "${worldb_config_dir}" COMPONENT development)
configure_package_config_file(cmake/WorlDbConfig.cmake.in "${PROJECT_BINARY_DIR}/WorlDbConfig.cmake"
                              INSTALL_DESTINATION "${worldb_config_dir}")
write_basic_package_version_file("${PROJECT_BINARY_DIR}/WorlDbConfigVersion.cmake"
                                 COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/WorlDbConfig.cmake" "${PROJECT_BINARY_DIR}/WorlDbConfigVersion.cmake"
        DESTINATION "${worldb_config_dir}" COMPONENT development)
