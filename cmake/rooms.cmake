# A room is a folder of src/ with one door (the headers at its root). All rooms are OBJECT libraries: shelf members
# register themselves in static objects, and a linker drops those from ordinary static libraries.

# room(<name> [USES <rooms>...] [LINKS <libraries>...])
# Compiles every .cpp below the folder except *_test.cpp and *_bench.cpp. USES names the rooms whose headers it includes.
function(room name)
  cmake_parse_arguments(ARG "" "" "USES;LINKS" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cpp)
  list(FILTER sources EXCLUDE REGEX "_(test|bench)\\.cpp$")
  add_library(${name} OBJECT ${sources})
  target_include_directories(${name} PUBLIC ${CMAKE_SOURCE_DIR}/src)
  # The libraries of the precompiled header; every room needs the same flags to share it.
  target_link_libraries(${name} PUBLIC fmt::fmt Boost::json Threads::Threads ${ARG_LINKS})
  foreach(used ${ARG_USES})
    # Only the usage requirements travel here; the objects are linked once, by program().
    target_include_directories(${name} PUBLIC $<TARGET_PROPERTY:${used},INTERFACE_INCLUDE_DIRECTORIES>)
    set_property(TARGET ${name} APPEND PROPERTY USED_ROOMS ${used})
  endforeach()
  if(name STREQUAL "base")
    target_precompile_headers(base PRIVATE ${CMAKE_SOURCE_DIR}/src/base/precompiled.h)
  else()
    target_precompile_headers(${name} REUSE_FROM base)
  endif()
endfunction()

# All rooms below the given ones, in USED_ROOMS order.
function(rooms_below result)
  set(todo ${ARGN})
  set(found "")
  while(todo)
    list(POP_FRONT todo next)
    if(NOT next IN_LIST found)
      list(APPEND found ${next})
      get_target_property(used ${next} USED_ROOMS)
      if(used)
        list(APPEND todo ${used})
      endif()
    endif()
  endwhile()
  set(${result} ${found} PARENT_SCOPE)
endfunction()

# program(<name> ROOMS <rooms>... SOURCES <files>...): an executable of these rooms and all rooms below them. PROGRAM names
# the file where a room has the target's name already.
function(program name)
  cmake_parse_arguments(ARG "" "PROGRAM" "ROOMS;SOURCES;LINKS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  if(ARG_PROGRAM)
    set_target_properties(${name} PROPERTIES OUTPUT_NAME ${ARG_PROGRAM})
  endif()
  rooms_below(rooms ${ARG_ROOMS})
  target_link_libraries(${name} PRIVATE ${rooms} ${ARG_LINKS})
  target_precompile_headers(${name} REUSE_FROM base)
endfunction()

# room_tests(<room> [LABEL unit|conformance]): all *_test.cpp of the room in one program <room>_tests.
function(room_tests name)
  cmake_parse_arguments(ARG "" "LABEL" "ROOMS" ${ARGN})
  if(NOT ARG_LABEL)
    set(ARG_LABEL unit)
  endif()
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*_test.cpp)
  if(sources)
    program(${name}_tests ROOMS ${name} ${ARG_ROOMS} SOURCES ${sources} LINKS GTest::gtest_main GTest::gmock)
    add_test(NAME ${name}_tests COMMAND ${name}_tests)
    set_tests_properties(${name}_tests PROPERTIES LABELS ${ARG_LABEL} TIMEOUT 180)
  endif()
endfunction()
