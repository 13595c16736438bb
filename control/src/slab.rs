//! Rooms for legs and calls, named by index and generation so that a stale name finds nothing.

/// Names a room and who lived in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Key {
    pub(crate) index: u32,
    generation: u32,
}

#[derive(Debug)]
struct Room<T> {
    generation: u32,
    tenant: Option<Box<T>>,
}

/// A bounded store of `T`s.
#[derive(Debug)]
pub(crate) struct Slab<T> {
    rooms: Vec<Room<T>>,
    free: Vec<u32>,
    bound: u32,
}

impl<T> Slab<T> {
    /// Room for `bound`; rooms are made as they are needed.
    pub(crate) fn new(bound: u32) -> Self {
        Self { rooms: Vec::new(), free: Vec::new(), bound }
    }

    /// Moves a tenant in, told its key; `None` if all rooms are taken.
    pub(crate) fn insert_with(&mut self, tenant: impl FnOnce(Key) -> T) -> Option<Key> {
        let index = match self.free.pop() {
            Some(index) => index,
            None if (self.rooms.len() as u32) < self.bound => {
                self.rooms.push(Room { generation: 0, tenant: None });
                self.rooms.len() as u32 - 1
            }
            None => return None,
        };
        let room = &mut self.rooms[index as usize];
        let key = Key { index, generation: room.generation };
        room.tenant = Some(Box::new(tenant(key)));
        Some(key)
    }

    pub(crate) fn get(&self, key: Key) -> Option<&T> {
        let room = self.rooms.get(key.index as usize)?;
        room.tenant.as_deref().filter(|_| room.generation == key.generation)
    }

    pub(crate) fn get_mut(&mut self, key: Key) -> Option<&mut T> {
        let room = self.rooms.get_mut(key.index as usize)?;
        let here = room.generation == key.generation;
        room.tenant.as_deref_mut().filter(|_| here)
    }

    /// The tenant of a room whoever it is, with its key.
    pub(crate) fn at(&self, index: u32) -> Option<(Key, &T)> {
        let room = self.rooms.get(index as usize)?;
        let key = Key { index, generation: room.generation };
        room.tenant.as_deref().map(|tenant| (key, tenant))
    }

    pub(crate) fn remove(&mut self, key: Key) -> Option<Box<T>> {
        self.get(key)?;
        let room = self.rooms.get_mut(key.index as usize)?;
        room.generation = room.generation.wrapping_add(1);
        self.free.push(key.index);
        room.tenant.take()
    }

    pub(crate) fn len(&self) -> usize {
        self.rooms.len() - self.free.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (Key, &T)> {
        (0..self.rooms.len() as u32).filter_map(|index| self.at(index))
    }
}
